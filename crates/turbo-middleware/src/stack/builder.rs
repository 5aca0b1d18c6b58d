use super::Stack;
use crate::access_log::AccessLogLayer;
use crate::body_limit::BodyLimitLayer;
use crate::compression::CompressionLayer;
use crate::concurrency_limit::ConcurrencyLimitLayer;
use crate::forwarded::ForwardedLayer;
use crate::metrics::MetricsLayer;
use crate::rate_limit::RateLimitLayer;
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
                metrics: MetricsLayer::off(),
                security_headers: SecurityHeadersLayer::off(),
                concurrency_limit: ConcurrencyLimitLayer::off(),
                rate_limit: RateLimitLayer::off(),
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

    /// Counts and times: [`metrics`](crate::metrics).
    #[must_use]
    pub fn metrics(mut self, layer: MetricsLayer) -> Self {
        self.stack.metrics = layer;
        self
    }

    /// A limit on requests at once: [`concurrency_limit`](crate::concurrency_limit).
    #[must_use]
    pub fn concurrency_limit(mut self, layer: ConcurrencyLimitLayer) -> Self {
        self.stack.concurrency_limit = layer;
        self
    }

    /// A limit on requests per client and time: [`rate_limit`](crate::rate_limit).
    #[must_use]
    pub fn rate_limit(mut self, layer: RateLimitLayer) -> Self {
        self.stack.rate_limit = layer;
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
