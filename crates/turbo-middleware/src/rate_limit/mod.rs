//! At most so many requests per client and time.
//!
//! Each key has a token bucket ([`Quota`]): a request takes a token, and who finds none is answered with 429,
//! `Retry-After` and the `RateLimit` fields of the IETF draft ([`Fields`]). Others go on, and their responses tell what
//! is left. Counting is exact, also for requests at the same moment.
//!
//! - Whose bucket: [`ByAddress`] (IPv6 by /64), [`ByHeader`], or a closure.
//! - Where buckets are: in this process ([`MemoryStore`]), or in Redis for several processes and machines
//!   ([`RedisStore`], feature `redis`).
//! - Without a tower service around it: [`Limiter`].
//!
//! # Risks
//!
//! - Behind a proxy every client has the proxy's address. The address has to come from a layer that knows
//!   trusted proxies ([`forwarded`](crate::forwarded)) and that runs before this one.
//! - While Redis is gone nobody is counted: requests go on unless [`OnOutage::Refuse`] is chosen. None waits for
//!   it longer than its time-out, and after a failure one request a second tries it while the others do not.
//! - Several processes without Redis have a quota each.
//!
//! # Example
//!
//! ```
//! use std::convert::Infallible;
//! use std::time::Duration;
//!
//! use http::{Request, Response, StatusCode};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use turbo_middleware::rate_limit::{Quota, RateLimitLayer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let service = ServiceBuilder::new()
//!     .layer(RateLimitLayer::new(Quota::new(100, Duration::from_secs(60))?.burst(1)?))
//!     .service(service_fn(|_: Request<String>| async { Ok::<_, Infallible>(Response::new(String::new())) }));
//!
//! let response = service.clone().oneshot(Request::new(String::new())).await?;
//! assert_eq!(response.headers()["ratelimit"], "\"default\";r=0;t=1");
//! let response = service.oneshot(Request::new(String::new())).await?;
//! assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
//! assert_eq!(response.headers()["retry-after"], "1");
//! # Ok(())
//! # }
//! ```

mod clock;
mod fields;
mod future;
mod key;
mod layer;
mod limiter;
mod memory;
mod outage;
mod quota;
#[cfg(feature = "redis")]
mod redis;
mod service;
mod store;
#[cfg(test)]
mod tests;

pub use clock::{Clock, SystemClock};
pub use fields::Fields;
pub use future::ResponseFuture;
pub use key::{ByAddress, ByHeader, Key, KeyExtractor};
pub use layer::RateLimitLayer;
pub use limiter::{Check, Limiter, Verdict};
pub use memory::MemoryStore;
pub use outage::{OnOutage, OutageEvent};
pub use quota::{Decision, Quota, QuotaError};
#[cfg(feature = "redis")]
pub use redis::RedisStore;
pub use service::RateLimit;
pub use store::{Policy, Store, StoreError, Taking};

/// Names the layer in [`Answered`](crate::answer::Answered).
pub const NAME: &str = "rate limit";
