//! Texts that are allowed.

use std::collections::HashSet;
use std::fmt;
use std::sync::{LazyLock, Mutex, PoisonError};

use bytes::Bytes;
use http::HeaderValue;

/// Decides about a header value; `None` when it cannot tell.
pub type Predicate = Box<dyn Fn(&HeaderValue) -> Option<bool> + Send + Sync>;

/// Origins or methods: exact ones, and those that a predicate allows.
#[derive(Default)]
pub struct Allowed {
    /// In order: a search by halves takes a comparison or two, less than any hash.
    exact: Vec<HeaderValue>,
    predicates: Vec<Predicate>,
}

impl Allowed {
    /// The exact ones, in the bytes of a header field. What no field can carry is left out: none will be equal.
    #[must_use]
    pub fn exact<T: Into<Vec<u8>>>(texts: impl IntoIterator<Item = T>) -> Self {
        let mut exact: Vec<_> = texts.into_iter().filter_map(|text| lasting(text.into())).collect();
        exact.sort_unstable();
        Self { exact, predicates: Vec::new() }
    }

    /// Those that `predicate` allows as well.
    #[must_use]
    pub fn or(mut self, predicate: impl Fn(&HeaderValue) -> Option<bool> + Send + Sync + 'static) -> Self {
        self.predicates.push(Box::new(predicate));
        self
    }

    /// Whether there are no predicates.
    pub(super) fn is_exact(&self) -> bool {
        self.predicates.is_empty()
    }

    /// Whether `value` is among them; `None` when a predicate cannot tell.
    pub(super) fn has(&self, value: &HeaderValue) -> Option<bool> {
        Some(self.find(value).is_some() || self.is_predicted(value)?)
    }

    /// The place of `value` among the exact ones.
    pub(super) fn find(&self, value: &HeaderValue) -> Option<usize> {
        self.exact.binary_search_by(|text| text.as_bytes().cmp(value.as_bytes())).ok()
    }

    /// The exact one at such a place.
    pub(super) fn at(&self, place: usize) -> Option<HeaderValue> {
        self.exact.get(place).cloned()
    }

    /// Whether a predicate allows `value`; `None` when one cannot tell.
    pub(super) fn is_predicted(&self, value: &HeaderValue) -> Option<bool> {
        for predicate in &self.predicates {
            if predicate(value)? {
                return Some(true);
            }
        }
        Some(false)
    }
}

/// A value that can be copied into every response without an allocation or a count: each text that was ever
/// allowed stays in memory, once.
fn lasting(text: Vec<u8>) -> Option<HeaderValue> {
    static KNOWN: LazyLock<Mutex<HashSet<&'static [u8]>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let lasting = known.get(text.as_slice()).copied().unwrap_or_else(|| {
        let text = text.leak();
        known.insert(text);
        text
    });
    HeaderValue::from_maybe_shared(Bytes::from_static(lasting)).ok()
}

impl fmt::Debug for Allowed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.exact.iter().map(|text| String::from_utf8_lossy(text.as_bytes())).collect();
        formatter
            .debug_struct("Allowed")
            .field("exact", &texts)
            .field("predicates", &self.predicates.len())
            .finish()
    }
}
