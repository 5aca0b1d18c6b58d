use std::sync::Arc;

use tower_layer::Layer;

use super::Policy;
use super::service::TrustedHost;

/// Adds [`TrustedHost`] to a service; see the [module docs](super).
#[derive(Clone, Debug)]
pub struct TrustedHostLayer {
    policy: Arc<Policy>,
}

impl TrustedHostLayer {
    /// The layer of a policy.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy: Arc::new(policy) }
    }
}

impl<S> Layer<S> for TrustedHostLayer {
    type Service = TrustedHost<S>;

    fn layer(&self, inner: S) -> TrustedHost<S> {
        TrustedHost { inner, policy: Arc::clone(&self.policy) }
    }
}
