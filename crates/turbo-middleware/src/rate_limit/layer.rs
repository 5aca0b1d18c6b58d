use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

use super::key::{ByAddress, KeyExtractor};
use super::limiter::Limiter;
use super::quota::Quota;
use super::service::RateLimit;

/// Adds [`RateLimit`] to a service; see the [module docs](super).
#[derive(Clone, Debug)]
pub struct RateLimitLayer {
    settings: Option<Arc<Settings>>,
}

pub(super) struct Settings {
    pub(super) limiter: Limiter,
    pub(super) key: Box<dyn KeyExtractor>,
}

impl RateLimitLayer {
    /// Counts in this process, by the client's address.
    #[must_use]
    pub fn new(quota: Quota) -> Self {
        Self::with(Limiter::new(quota), ByAddress)
    }

    /// Counts with `limiter`, by what `key` extracts.
    #[must_use]
    pub fn with(limiter: Limiter, key: impl KeyExtractor) -> Self {
        Self { settings: Some(Arc::new(Settings { limiter, key: Box::new(key) })) }
    }

    /// A layer that does nothing.
    #[must_use]
    pub fn off() -> Self {
        Self { settings: None }
    }

    /// Whether the layer does anything.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.settings.is_some()
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RateLimit { inner, settings: self.settings.clone() }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Settings").field("limiter", &self.limiter).finish_non_exhaustive()
    }
}
