//! Load shedding: no more than so many requests at once, the others are refused at once.
//!
//! A service under more load than it can carry serves nobody well if it takes everything in: each request
//! waits for all others. With a limit those that were let in keep their time, and the others learn within
//! microseconds, by a 503 with `Retry-After`, that they should come back or try elsewhere.
//!
//! A request counts from its arrival until the service has an answer for it, that is until the head of its response.
//! What is sent afterwards does not count: a stream would hold its place for hours, and a client that reads
//! slowly as long as it likes. A WebSocket counts until its handshake is answered.
//!
//! There is no queue. The service is one already: what it cannot start it keeps waiting, within the limit.
//! Another one in front would add its length to every answer, and give clients that have given up a turn.
//!
//! Health checks should be [exempt](ConcurrencyLimitLayer::exempt): a busy service is not a broken one, and
//! to restart it would make the load of the others worse.
//!
//! # Risks
//!
//! A limit below what the service can do at once costs throughput. It bounds requests that wait for something other
//! than this service's processor; a service that never waits answers each before it looks at the next.
//!
//! # Example
//!
//! ```
//! use std::convert::Infallible;
//!
//! use http::{Request, Response, StatusCode};
//! use tower::{Service, ServiceBuilder, service_fn};
//! use turbo_middleware::concurrency_limit::ConcurrencyLimitLayer;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Infallible> {
//! let mut service = ServiceBuilder::new()
//!     .layer(ConcurrencyLimitLayer::new(1).exempt(["/health"]))
//!     .service(service_fn(|_: Request<String>| async { Ok::<_, Infallible>(Response::new(String::new())) }));
//!
//! let first = service.call(Request::new(String::new()));
//! let second = service.call(Request::new(String::new()));
//! assert_eq!(second.await?.status(), StatusCode::SERVICE_UNAVAILABLE);
//! assert_eq!(first.await?.status(), StatusCode::OK);
//! # Ok(())
//! # }
//! ```

mod future;
mod gate;
mod layer;
mod service;
#[cfg(test)]
mod tests;

pub use future::ResponseFuture;
pub use gate::{Gate, Permit};
pub use layer::ConcurrencyLimitLayer;
pub use service::ConcurrencyLimit;

/// Names the layer in [`Answered`](crate::answer::Answered).
pub const NAME: &str = "concurrency limit";
