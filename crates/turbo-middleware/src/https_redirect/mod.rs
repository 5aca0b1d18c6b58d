//! Requests without TLS are sent to the same URL with it.
//!
//! The rules and the bytes are those of Starlette 1.10 (`starlette/middleware/httpsredirect.py`): 307 to `https`, without
//! the ports 80 and 443, with any other port as it is.
//!
//! The scheme is what the client used: behind a proxy that ends TLS, only what the proxy reports
//! ([`forwarded`](crate::forwarded)) keeps the redirect from leading to itself. The risk: the first request has
//! been sent in the clear; HSTS is what keeps browsers from sending it again.
//!
//! ```
//! use http::Request;
//! use turbo_middleware::{Before, RequestHead, https_redirect::Policy};
//!
//! let request = Request::builder().uri("/a?b").header("host", "example.org:80").body(())?;
//! let Before::Answer(answer) = Policy.before(RequestHead::of(&request)) else { panic!("no answer") };
//! assert_eq!(answer.status.as_u16(), 307);
//! assert_eq!(answer.headers[1].1, "https://example.org/a?b");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # As a layer
//!
//! ```
//! use http::{Request, Response};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use turbo_middleware::https_redirect::HttpsRedirectLayer;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let service = ServiceBuilder::new()
//!     .layer(HttpsRedirectLayer)
//!     .service(service_fn(|_: Request<()>| async { Ok::<_, std::convert::Infallible>(Response::new(())) }));
//! let request = Request::builder().uri("/a").header("host", "example.org").body(())?;
//! assert_eq!(service.oneshot(request).await?.headers()["location"], "https://example.org/a");
//! # Ok(())
//! # }
//! ```

mod layer;
mod policy;
mod service;
#[cfg(test)]
mod tests;

pub use layer::HttpsRedirectLayer;
pub use policy::Policy;
pub use service::HttpsRedirect;

/// The layer's name.
pub const NAME: &str = "https redirect";
