//! An end to waiting for a service's response.
//!
//! A service that has not answered after the time is dropped, and the answer is 503 Service Unavailable. The time
//! runs from the call to the head of the response: it includes reading the request's body, and it does not include
//! the response's body, so downloads, event streams and WebSocket connections that have begun may last.
//!
//! 503 and not 504: Gateway Timeout is what a gateway says of another server (RFC 9110 section 15.6.5), and whoever
//! reads logs looks for one; this server is the one that had no time (section 15.6.4). [`TimeoutLayer::status`]
//! changes it where a proxy or a client counts on another status.
//!
//! # Risk
//!
//! Dropping a future ends what runs in it, and only that: work that it has handed to a thread or another task goes
//! on, and its result is lost. A client that gets a 503 does not know whether its request has had an effect. A
//! client that sends its body slowly is answered 503 too, although the service had no part in it; the limits of
//! the transport are for those.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//!
//! use http::{Request, Response, StatusCode};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use turbo_middleware::timeout::TimeoutLayer;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let service = ServiceBuilder::new().layer(TimeoutLayer::new(Duration::from_millis(1))).service(service_fn(
//!     |_: Request<()>| std::future::pending::<Result<Response<()>, std::convert::Infallible>>(),
//! ));
//! let response = service.oneshot(Request::new(())).await?;
//! assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
//! # Ok(())
//! # }
//! ```
//!
//! # Why not tower's or tower-http's
//!
//! tower's `Timeout` fails with an error, which a server answers by closing the connection. tower-http's answers
//! with an empty body, and only for bodies that have a `Default`.

mod future;
mod layer;
mod service;
#[cfg(test)]
mod tests;

pub use future::ResponseFuture;
pub use layer::TimeoutLayer;
pub use service::Timeout;

/// The name of the layer in a [`Stack`](crate::Stack) and in [`Answered`](crate::answer::Answered).
pub const NAME: &str = "timeout";
