//! Texts that are allowed.

use std::fmt;

use http::HeaderValue;

/// Decides about a header value; `None` when it cannot tell.
pub type Predicate = Box<dyn Fn(&HeaderValue) -> Option<bool> + Send + Sync>;

/// Origins or methods: exact ones, and those that a predicate allows.
#[derive(Default)]
pub struct Allowed {
    /// In order: a search by halves takes a comparison or two, less than any hash.
    exact: Vec<Box<[u8]>>,
    predicates: Vec<Predicate>,
}

impl Allowed {
    /// The exact ones, in the bytes of a header field.
    #[must_use]
    pub fn exact<T: Into<Vec<u8>>>(texts: impl IntoIterator<Item = T>) -> Self {
        let mut exact: Vec<_> = texts.into_iter().map(|text| text.into().into_boxed_slice()).collect();
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
        if self.exact.binary_search_by(|text| (**text).cmp(value.as_bytes())).is_ok() {
            return Some(true);
        }
        for predicate in &self.predicates {
            if predicate(value)? {
                return Some(true);
            }
        }
        Some(false)
    }
}

impl fmt::Debug for Allowed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.exact.iter().map(|text| String::from_utf8_lossy(text)).collect();
        formatter
            .debug_struct("Allowed")
            .field("exact", &texts)
            .field("predicates", &self.predicates.len())
            .finish()
    }
}
