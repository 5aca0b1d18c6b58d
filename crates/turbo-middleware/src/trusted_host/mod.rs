//! Requests for hosts that the application does not serve are refused.
//!
//! The rules and the bytes are those of Starlette 1.10 (`starlette/middleware/trustedhost.py`):
//!
//! 1. The first `Host` field counts, without its port and in lower case; if it is missing, or no host, the answer is
//!    400 `Invalid host header`.
//! 2. A host is allowed if it equals a pattern, or ends like one that begins with `*`.
//! 3. If only `www.` is missing, 307 leads to the same URL with it.
//!
//! The risk it lowers: an application that builds links from `Host` can be made to build them for somebody else's.
//!
//! ```
//! use http::Request;
//! use turbo_middleware::{Before, RequestHead, trusted_host::Policy};
//!
//! let policy = Policy::new(["example.org", "*.example.org"])?;
//! let request = Request::builder().uri("/").header("host", "evil.example").body(())?;
//! let Before::Answer(answer) = policy.before(RequestHead::of(&request)) else { panic!("no answer") };
//! assert_eq!((answer.status.as_u16(), &answer.body[..]), (400, &b"Invalid host header"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # As a layer
//!
//! ```
//! use http::{Request, Response};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use turbo_middleware::trusted_host::{Policy, TrustedHostLayer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let layer = TrustedHostLayer::new(Policy::new(["example.org"])?);
//! let service = ServiceBuilder::new()
//!     .layer(layer)
//!     .service(service_fn(|_: Request<()>| async { Ok::<_, std::convert::Infallible>(Response::new(())) }));
//! let request = Request::builder().header("host", "evil.example").body(())?;
//! assert_eq!(service.oneshot(request).await?.status(), 400);
//! # Ok(())
//! # }
//! ```

mod layer;
mod policy;
mod service;
#[cfg(test)]
mod tests;

pub use layer::TrustedHostLayer;
pub use policy::{InvalidPattern, Policy};
pub use service::TrustedHost;

/// The layer's name.
pub const NAME: &str = "trusted host";
