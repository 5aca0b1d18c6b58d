//! The methods a route serves.

use http::Method;

/// The methods a route serves: a set, or any method at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Methods(Option<Vec<Method>>);

impl Methods {
    /// Every method, as a Starlette route of a class endpoint has it.
    #[must_use]
    pub fn any() -> Self {
        Self(None)
    }

    /// Exactly these methods. `HEAD` is not implied by `GET`; Starlette adds it, FastAPI does not.
    pub fn only(methods: impl IntoIterator<Item = Method>) -> Self {
        let mut set = Vec::new();
        for method in methods {
            if !set.contains(&method) {
                set.push(method);
            }
        }
        Self(Some(set))
    }

    /// Whether `method` is served.
    #[must_use]
    pub fn contains(&self, method: &Method) -> bool {
        self.0.as_ref().is_none_or(|set| set.contains(method))
    }

    /// The methods in the order given; empty for [`any`](Self::any).
    pub fn iter(&self) -> impl Iterator<Item = &Method> {
        self.0.iter().flatten()
    }
}
