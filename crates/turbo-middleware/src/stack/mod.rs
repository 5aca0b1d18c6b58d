//! All layers in the right order.
//!
//! [`Builder`] takes the layers in any order and composes them in the one below; [`Stack`] is the result, a
//! [`Layer`] for any [`Service`](tower_service::Service) of `http` requests and responses. It says what it
//! composed: [`Stack::names`] lists the layers, outermost first, and its `Display` joins them.
//!
//! | from the outside | why there |
//! |---|---|
//! | [`forwarded`] | before anything looks at the client's address |
//! | [request id](crate::request_id) | whatever happens to a request further in can be named by it |
//! | [access log](crate::access_log) | sees every answer, those of the layers too, and needs only what is above |
//! | [`metrics`] | count every answer, those of the layers too |
//! | [security headers](crate::security_headers) | on every response, those of the layers too |
//! | [concurrency limit](crate::concurrency_limit) | a busy service has no time for what comes below |
//! | [rate limit](crate::rate_limit) | nothing of the request is read before it is let in |
//! | [`timeout`] | over everything that can take time |
//! | [body limit](crate::body_limit) | counts what the service reads, as it comes from the client |
//! | [`compression`] | next to the service: it needs the service's headers as they are, and the layers' own answers are too short for it |
//!
//! The service gets its request bodies as [`StackedBody`], with or without a limit. It has to be `Clone`, since a
//! request may wait for its rate limit while the next one arrives. Nothing has to be `Send` or `'static`; what is
//! composed is as much so as the service. A layer that is not given passes requests on and costs a branch or two.
//!
//! # Example
//!
//! ```
//! use http::{Request, Response};
//! use http_body_util::Empty;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use turbo_middleware::Builder;
//! use turbo_middleware::body_limit::BodyLimitLayer;
//! use turbo_middleware::request_id::RequestIdLayer;
//! use turbo_middleware::stack::StackedBody;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! type Body = Empty<&'static [u8]>;
//! let stack =
//!     Builder::new().body_limit(BodyLimitLayer::new(1 << 20)).request_id(RequestIdLayer::new()).build();
//! assert_eq!(stack.to_string(), "request id > body limit");
//! let service = ServiceBuilder::new().layer(stack).service(service_fn(
//!     |_: Request<StackedBody<Body>>| async { Ok::<_, std::convert::Infallible>(Response::new(Body::new())) },
//! ));
//! let response = service.oneshot(Request::new(Body::new())).await?;
//! assert!(response.headers().contains_key("x-request-id"));
//! # Ok(())
//! # }
//! ```
//!
//! The whole stack serves in `examples/stack.rs`.

mod builder;
#[cfg(test)]
mod tests;

use std::fmt;

use tower_layer::Layer;

pub use builder::Builder;

use crate::access_log::{self, AccessLog, AccessLogLayer};
use crate::body_limit::{self, BodyLimit, BodyLimitLayer};
use crate::compression::{self, Compression, CompressionLayer};
use crate::concurrency_limit::{self, ConcurrencyLimit, ConcurrencyLimitLayer};
use crate::forwarded::{self, ForwardedHeaders, ForwardedLayer};
use crate::metrics::{self, CountedBody, Metrics, MetricsLayer};
use crate::rate_limit::{self, RateLimit, RateLimitLayer};
use crate::request_id::{self, RequestId, RequestIdLayer};
use crate::security_headers::{self, SecurityHeaders, SecurityHeadersLayer};
use crate::timeout::{self, Timeout, TimeoutLayer};

/// The layers of a [`Builder`], composed; see the [module docs](self).
#[derive(Clone, Debug)]
pub struct Stack {
    forwarded: ForwardedLayer,
    request_id: RequestIdLayer,
    access_log: AccessLogLayer,
    metrics: MetricsLayer,
    security_headers: SecurityHeadersLayer,
    concurrency_limit: ConcurrencyLimitLayer,
    rate_limit: RateLimitLayer,
    timeout: TimeoutLayer,
    body_limit: BodyLimitLayer,
    compression: CompressionLayer,
}

/// The type of a service behind a [`Stack`].
pub type Stacked<S> = ForwardedHeaders<
    RequestId<
        AccessLog<Metrics<SecurityHeaders<ConcurrencyLimit<RateLimit<Timeout<BodyLimit<Compression<S>>>>>>>>,
    >,
>;

/// The type of request bodies behind a [`Stack`].
pub type StackedBody<B> = body_limit::RequestBody<CountedBody<B>>;

impl Stack {
    /// The names of the layers that do something, outermost first.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        let all = [
            (self.forwarded.is_on(), forwarded::NAME),
            (self.request_id.is_on(), request_id::NAME),
            (self.access_log.is_on(), access_log::NAME),
            (self.metrics.is_on(), metrics::NAME),
            (self.security_headers.is_on(), security_headers::NAME),
            (self.concurrency_limit.is_on(), concurrency_limit::NAME),
            (self.rate_limit.is_on(), rate_limit::NAME),
            (self.timeout.is_on(), timeout::NAME),
            (self.body_limit.is_on(), body_limit::NAME),
            (self.compression.is_on(), compression::NAME),
        ];
        all.into_iter().filter_map(|(on, name)| on.then_some(name))
    }

    /// Whether no layer does anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names().next().is_none()
    }
}

impl<S> Layer<S> for Stack {
    type Service = Stacked<S>;

    fn layer(&self, service: S) -> Stacked<S> {
        let service = self.compression.layer(service);
        let service = self.body_limit.layer(service);
        let service = self.timeout.layer(service);
        let service = self.rate_limit.layer(service);
        let service = self.concurrency_limit.layer(service);
        let service = self.security_headers.layer(service);
        let service = self.metrics.layer(service);
        let service = self.access_log.layer(service);
        let service = self.request_id.layer(service);
        self.forwarded.layer(service)
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names().enumerate() {
            if index > 0 {
                formatter.write_str(" > ")?;
            }
            formatter.write_str(name)?;
        }
        Ok(())
    }
}
