//! What a server decides about a request before a handler sees it, and about the response behind it.
//!
//! [tower](https://docs.rs/tower) layers for services of [`http`] requests and responses, independent of any
//! transport and of Python. Each module is a layer, and its documentation says what it does, what it risks, and why
//! it is not that of tower or tower-http. [`stack`] composes them in the right order:
//!
//! ```
//! use std::time::Duration;
//!
//! use turbo_middleware::Builder;
//! use turbo_middleware::body_limit::BodyLimitLayer;
//! use turbo_middleware::compression::CompressionLayer;
//! use turbo_middleware::request_id::RequestIdLayer;
//! use turbo_middleware::timeout::TimeoutLayer;
//!
//! let stack = Builder::new()
//!     .request_id(RequestIdLayer::new())
//!     .timeout(TimeoutLayer::new(Duration::from_secs(30)))
//!     .body_limit(BodyLimitLayer::new(10 << 20))
//!     .compression(CompressionLayer::new())
//!     .build();
//! assert_eq!(stack.to_string(), "request id > timeout > body limit > compression");
//! ```
//!
//! - [`forwarded`]: who the client behind a trusted proxy is.
//! - [`cors`]: which pages of other origins may read a response.
//! - [`gzip`]: which responses Starlette would compress.
//! - [`trusted_host`]: which hosts may be asked for.
//! - [`https_redirect`]: requests without TLS are sent to the same URL with it.
//! - [`request_id`]: a name for each request, for logs and for the client.
//! - [`access_log`]: a line for every response.
//! - [`security_headers`]: response headers that tell a browser to be careful.
//! - [`timeout`]: an end to waiting for a response.
//! - [`body_limit`]: no more than so many bytes of a request body, announced or not.
//! - [`concurrency_limit`]: at most so many requests at once, the rest is refused at once.
//! - [`metrics`]: counts and times, as a page that Prometheus reads.
//! - [`rate_limit`]: at most so many requests per client and time.
//! - [`compression`]: smaller responses for clients that can unpack them.
//!
//! # What every layer keeps to
//!
//! - It is off (`XLayer::off()`), or on with safe settings (`XLayer::new(..)`).
//! - Services, futures and bodies need not be `Send`, `Sync` or `'static`; what is built from them is what they are.
//! - It answers by itself or passes the service's own error on; the error type does not change.
//! - What it answers is marked ([`answer::Answered`]).
//! - A request for a WebSocket is a request like any other; the 101 that answers it is left alone.
//!
//! # Features
//!
//! - `brotli`, `zstd`: further codings for [`compression`]. The second builds C code.
//! - `redis`: buckets of [`rate_limit`] for several processes and machines.
#![forbid(unsafe_code)]

pub mod access_log;
pub mod answer;
pub mod body_limit;
pub mod compression;
pub mod concurrency_limit;
pub mod cors;
mod early;
mod fields;
pub mod forwarded;
pub mod gzip;
mod host;
pub mod https_redirect;
pub mod metrics;
pub mod rate_limit;
pub mod request_id;
pub mod security_headers;
pub mod stack;
pub mod timeout;
pub mod trusted_host;

pub use early::{Answer, AnswerFuture, Before, RequestHead};
pub use fields::Fields;
pub use stack::{Builder, Stack};

/// Any error, as tower and hyper pass them on.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
