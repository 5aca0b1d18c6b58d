use std::sync::Arc;

use tower_layer::Layer;

use super::Policy;
use super::service::Cors;

/// Adds [`Cors`] to a service; see the [module docs](super).
#[derive(Clone, Debug)]
pub struct CorsLayer {
    policy: Arc<Policy>,
}

impl CorsLayer {
    /// The layer of a policy.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy: Arc::new(policy) }
    }
}

impl<S> Layer<S> for CorsLayer {
    type Service = Cors<S>;

    fn layer(&self, inner: S) -> Cors<S> {
        Cors { inner, policy: Arc::clone(&self.policy) }
    }
}
