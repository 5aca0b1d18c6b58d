//! A name for each request, the same in the client's hands, the application's and the log's.
//!
//! The layer takes the id that the request brings in `X-Request-Id`, or makes one: 32 hexadecimal digits of a
//! random UUID. The application finds it as that request header and as [`Id`] in the request's extensions; the
//! response carries it in the same header, unless the application has set that itself, and as [`Id`] in its
//! extensions for the layers further out.
//!
//! # Risk
//!
//! Whoever may send a request may choose its id, and choose one that another request has. An id is therefore no
//! proof of anything; and an incoming one counts only if it is harmless where ids end up, in headers, log lines
//! and shells: a single field, of 1 to 128 bytes, letters and digits of ASCII and `-_.:;=+/@~`. Any other is
//! replaced as if there were none. [`RequestIdLayer::accept_incoming`] set to `false` replaces all of them,
//! which is right for a server that the open network talks to directly.
//!
//! # Example
//!
//! ```
//! use http::{Request, Response};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use turbo_middleware::request_id::{Id, RequestIdLayer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let service = ServiceBuilder::new().layer(RequestIdLayer::new()).service(service_fn(
//!     |request: Request<String>| async move {
//!         let id = request.extensions().get::<Id>().cloned();
//!         Ok::<_, std::convert::Infallible>(Response::new(format!("{id:?}")))
//!     },
//! ));
//! let request = Request::builder().header("x-request-id", "abc-1").body(String::new())?;
//! let response = service.oneshot(request).await?;
//! assert_eq!(response.headers()["x-request-id"], "abc-1");
//! # Ok(())
//! # }
//! ```
//!
//! # Why not tower-http's
//!
//! `SetRequestId` and `PropagateRequestId` take any incoming id for good and are two layers that must agree on
//! a header.

mod future;
mod id;
mod layer;
mod service;
#[cfg(test)]
mod tests;

pub use future::ResponseFuture;
pub use id::Id;
pub use layer::RequestIdLayer;
pub use service::RequestId;

/// The name of the layer in a [`Stack`](crate::Stack).
pub const NAME: &str = "request id";
