//! A line for every response.
//!
//! The layer hands an [`Entry`] to a function when the head of a response is ready; the entry's `Display` is a line
//! in the form of uvicorn's access log, with the id of the request if it has one:
//!
//! ```text
//! 127.0.0.1:38688 - "GET /items?page=2 HTTP/1.1" 200 e78cef3f6c2548dfb4769db43692d40d
//! ```
//!
//! A service that fails, or whose client goes before the head is ready, makes no entry.
//!
//! # Risk
//!
//! The function runs on the thread that serves; one that waits for a disk keeps its connections waiting. A line has
//! no control characters, and no quotes but its own two, whatever the client sent. It has the path and the query,
//! which may hold what should not be kept.
//!
//! # Example
//!
//! ```
//! use http::{Request, Response};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use turbo_middleware::access_log::AccessLogLayer;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let layer = AccessLogLayer::new(|entry| println!("{entry}"));
//! let service = ServiceBuilder::new().layer(layer).service(service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(()))
//! }));
//! service.oneshot(Request::new(())).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Why not tower-http's
//!
//! `Trace` makes spans and events of `tracing`, which is the better choice for a program that has `tracing`; this one
//! asks for nothing.

mod entry;
mod future;
mod layer;
mod service;
#[cfg(test)]
mod tests;

pub use entry::Entry;
pub use future::ResponseFuture;
pub use layer::AccessLogLayer;
pub use service::AccessLog;

/// The name of the layer in a [`Stack`](crate::Stack).
pub const NAME: &str = "access log";
