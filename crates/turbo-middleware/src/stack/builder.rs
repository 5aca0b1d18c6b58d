use super::Stack;
use crate::access_log::AccessLogLayer;
use crate::body_limit::BodyLimitLayer;
use crate::compression::CompressionLayer;
use crate::forwarded::ForwardedLayer;
use crate::request_id::RequestIdLayer;
use crate::security_headers::SecurityHeadersLayer;
use crate::timeout::TimeoutLayer;

/// Collects the layers of a [`Stack`]; the order of the calls means nothing. What is not given is off.
#[derive(Clone, Debug)]
pub struct Builder {
    stack: Stack,
}

impl Builder {
    /// A stack of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            stack: Stack {
                forwarded: ForwardedLayer::off(),
                request_id: RequestIdLayer::off(),
                access_log: AccessLogLayer::off(),
                security_headers: SecurityHeadersLayer::off(),
                timeout: TimeoutLayer::off(),
                body_limit: BodyLimitLayer::off(),
                compression: CompressionLayer::off(),
            },
        }
    }

    /// The client behind trusted proxies: [`forwarded`](crate::forwarded).
    #[must_use]
    pub fn forwarded(mut self, layer: ForwardedLayer) -> Self {
        self.stack.forwarded = layer;
        self
    }

    /// Names for requests: [`request_id`](crate::request_id).
    #[must_use]
    pub fn request_id(mut self, layer: RequestIdLayer) -> Self {
        self.stack.request_id = layer;
        self
    }

    /// A line for every response: [`access_log`](crate::access_log).
    #[must_use]
    pub fn access_log(mut self, layer: AccessLogLayer) -> Self {
        self.stack.access_log = layer;
        self
    }

    /// Headers that tell browsers to be careful: [`security_headers`](crate::security_headers).
    #[must_use]
    pub fn security_headers(mut self, layer: SecurityHeadersLayer) -> Self {
        self.stack.security_headers = layer;
        self
    }

    /// An end to waiting: [`timeout`](crate::timeout).
    #[must_use]
    pub fn timeout(mut self, layer: TimeoutLayer) -> Self {
        self.stack.timeout = layer;
        self
    }

    /// A limit on request bodies: [`body_limit`](crate::body_limit).
    #[must_use]
    pub fn body_limit(mut self, layer: BodyLimitLayer) -> Self {
        self.stack.body_limit = layer;
        self
    }

    /// Smaller responses: [`compression`](crate::compression).
    #[must_use]
    pub fn compression(mut self, layer: CompressionLayer) -> Self {
        self.stack.compression = layer;
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
