use tower_layer::Layer;

use super::service::BodyLimit;

/// Adds [`BodyLimit`] to a service; see the [module docs](super).
#[derive(Clone, Copy, Debug)]
pub struct BodyLimitLayer {
    limit: Option<u64>,
}

impl BodyLimitLayer {
    /// Bodies of `limit` bytes at most.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self { limit: Some(limit) }
    }

    /// A layer that does nothing.
    #[must_use]
    pub fn off() -> Self {
        Self { limit: None }
    }

    /// Whether the layer does anything.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.limit.is_some()
    }
}

impl<S> Layer<S> for BodyLimitLayer {
    type Service = BodyLimit<S>;

    fn layer(&self, inner: S) -> BodyLimit<S> {
        BodyLimit { inner, limit: self.limit }
    }
}
