//! The methods a route serves.

use http::Method;

/// The methods a route serves: a set, or any method at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Methods {
    any: bool,
    /// The methods that have a [`bit`].
    standard: u16,
    /// The whole set, in the order given.
    all: Vec<Method>,
}

impl Methods {
    /// Every method, as a Starlette route of a class endpoint has it.
    #[must_use]
    pub fn any() -> Self {
        Self { any: true, ..Self::none() }
    }

    /// Exactly these methods. `HEAD` is not implied by `GET`; Starlette adds it, FastAPI does not.
    ///
    /// An empty set serves every method, as in Starlette (`Route.matches`: `if self.methods and ...`).
    pub fn only(methods: impl IntoIterator<Item = Method>) -> Self {
        let mut set = Self::none();
        for method in methods {
            set.insert(method);
        }
        set.any = set.all.is_empty();
        set
    }

    /// Whether `method` is served.
    #[must_use]
    pub fn contains(&self, method: &Method) -> bool {
        self.any
            || match bit(method) {
                Some(bit) => self.standard & bit != 0,
                None => self.all.contains(method),
            }
    }

    /// The methods in the order given; empty if every method is served.
    pub fn iter(&self) -> impl Iterator<Item = &Method> {
        self.all.iter()
    }

    /// The set that serves nothing, to which others can be [added](Self::add).
    pub(crate) fn none() -> Self {
        Self { any: false, standard: 0, all: Vec::new() }
    }

    /// Serves from now on what `other` serves.
    pub(crate) fn add(&mut self, other: &Self) {
        self.any |= other.any;
        for method in &other.all {
            self.insert(method.clone());
        }
    }

    /// Whether everything that `other` serves is served.
    pub(crate) fn includes(&self, other: &Self) -> bool {
        self.any || (!other.any && other.all.iter().all(|method| self.contains(method)))
    }

    fn insert(&mut self, method: Method) {
        if !self.all.contains(&method) {
            self.standard |= bit(&method).unwrap_or(0);
            self.all.push(method);
        }
    }
}

/// The bit of a method of RFC 9110 or of `PATCH`.
fn bit(method: &Method) -> Option<u16> {
    Some(match *method {
        Method::GET => 1,
        Method::POST => 1 << 1,
        Method::PUT => 1 << 2,
        Method::DELETE => 1 << 3,
        Method::HEAD => 1 << 4,
        Method::OPTIONS => 1 << 5,
        Method::PATCH => 1 << 6,
        Method::CONNECT => 1 << 7,
        Method::TRACE => 1 << 8,
        _ => return None,
    })
}
