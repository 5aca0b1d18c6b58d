use super::Stack;
use crate::body_limit::BodyLimitLayer;
use crate::request_id::RequestIdLayer;

/// Collects the layers of a [`Stack`]; the order of the calls means nothing. What is not given is off.
#[derive(Clone, Debug)]
pub struct Builder {
    stack: Stack,
}

impl Builder {
    /// A stack of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { stack: Stack { request_id: RequestIdLayer::off(), body_limit: BodyLimitLayer::off() } }
    }

    /// Names for requests: [`request_id`](crate::request_id).
    #[must_use]
    pub fn request_id(mut self, layer: RequestIdLayer) -> Self {
        self.stack.request_id = layer;
        self
    }

    /// A limit on request bodies: [`body_limit`](crate::body_limit).
    #[must_use]
    pub fn body_limit(mut self, layer: BodyLimitLayer) -> Self {
        self.stack.body_limit = layer;
        self
    }

    /// The layers, composed.
    #[must_use]
    pub fn build(self) -> Stack {
        self.stack
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}
