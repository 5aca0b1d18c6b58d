//! Cross-origin resource sharing: which pages of other origins may read a response.
//!
//! The rules and the bytes are those of Starlette 1.10 (`starlette/middleware/cors.py`):
//!
//! 1. `OPTIONS` with `Origin` and `Access-Control-Request-Method` is a preflight and is answered for any path:
//!    200 `OK`, or 400 `Disallowed CORS ...` with everything that is wrong.
//! 2. Any other response gets `Vary: Origin`, merged into the `Vary` it has; if the request has an origin, also
//!    the fixed headers, and `Access-Control-Allow-Origin` if the origin is allowed by name.
//! 3. An origin that is not allowed is not refused: the browser keeps the response from the page.
//!
//! The risk: with `*` and credentials every site may act for a visitor who is logged in. Name the origins.
//!
//! [`Policy`] decides without any transport; [`CorsLayer`] applies it to a tower service. `tower-http` has a CORS
//! layer too, whose preflight answers and `Vary` fields are not Starlette's, so it cannot stand in here.
//!
//! ```
//! use http::{Method, Request, header};
//! use turbo_middleware::{Before, RequestHead, cors::Options};
//!
//! let policy = Options::default().allow_origins(["https://example.org"]).build()?;
//! let preflight = Request::builder()
//!     .method(Method::OPTIONS)
//!     .header(header::ORIGIN, "https://example.org")
//!     .header(header::ACCESS_CONTROL_REQUEST_METHOD, "GET")
//!     .body(())?;
//! let Before::Answer(answer) = policy.before(RequestHead::of(&preflight)) else { panic!("no answer") };
//! assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"OK"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # As a layer
//!
//! ```
//! use http::{Request, Response};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use turbo_middleware::cors::{CorsLayer, Options};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let policy = Options::default().allow_origins(["https://example.org"]).build()?;
//! let service = ServiceBuilder::new()
//!     .layer(CorsLayer::new(policy))
//!     .service(service_fn(|_: Request<()>| async { Ok::<_, std::convert::Infallible>(Response::new(())) }));
//! let request = Request::builder().header("origin", "https://example.org").body(())?;
//! let response = service.oneshot(request).await?;
//! assert_eq!(response.headers()["access-control-allow-origin"], "https://example.org");
//! # Ok(())
//! # }
//! ```

mod allowed;
mod future;
mod layer;
mod options;
mod policy;
mod service;
#[cfg(test)]
mod service_tests;
#[cfg(test)]
mod tests;

pub use allowed::{Allowed, Predicate};
pub use future::ResponseFuture;
pub use layer::CorsLayer;
pub use options::Options;
pub use policy::{Grant, Policy};
pub use service::Cors;

/// The layer's name.
pub const NAME: &str = "cors";
