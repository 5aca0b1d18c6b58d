//! No more than so many bytes of a request body.
//!
//! A request that announces more (`Content-Length`) is answered with 413 Content Too Large before the service
//! sees it, and before a client that sent `Expect: 100-continue` has sent any of it. A body without a length
//! (chunked) is counted as the service reads it: when it goes over the limit, reading fails with
//! [`LimitError::TooLarge`], and if the service has not answered yet it is dropped and the answer is 413 as well.
//!
//! # Risk
//!
//! The limit is on what is read, not on what the service keeps: with a limit of 1 MiB a thousand requests at once
//! may hold 1 GiB. A 413 asks for the connection to be closed (`connection: close`), because the rest of a body
//! that nobody reads could otherwise be taken for the next request. A service that answers before it has read the
//! body, or while it reads, has answered: a body that turns out too large then can only fail for it.
//!
//! # Example
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use http_body_util::{BodyExt, Full};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use turbo_middleware::body_limit::{BodyLimitLayer, RequestBody};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let service = ServiceBuilder::new().layer(BodyLimitLayer::new(4)).service(service_fn(
//!     |request: Request<RequestBody<Full<&'static [u8]>>>| async {
//!         let body = request.into_body().collect().await?.to_bytes();
//!         Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Response::new(Full::new(body)))
//!     },
//! ));
//! let request = Request::new(Full::new(&b"12345"[..]));
//! let response = service.oneshot(request).await.unwrap();
//! assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
//! # Ok(())
//! # }
//! ```
//!
//! # Why not tower-http's
//!
//! `RequestBodyLimit` answers 413 by itself only for an announced length; a chunked body that grows too large is
//! an error for the service, which has to recognise it behind every layer and library that read the body. An
//! application that takes the error for a client that went away would answer something else, or nothing.

mod body;
mod future;
mod layer;
mod service;
#[cfg(test)]
mod tests;

pub use body::{LimitError, RequestBody};
pub use future::ResponseFuture;
pub use layer::BodyLimitLayer;
pub use service::BodyLimit;

/// The name of the layer in a [`Stack`](crate::Stack) and in [`Answered`](crate::answer::Answered).
pub const NAME: &str = "body limit";
