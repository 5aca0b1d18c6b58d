//! Response headers that tell a browser to be careful.
//!
//! Nothing is sent but what is asked for. [`SecurityHeadersLayer::recommended`] asks for what hardly any site
//! misses:
//!
//! | header | recommended | what it does |
//! |---|---|---|
//! | `X-Content-Type-Options: nosniff` | yes | content is what its type says |
//! | `X-Frame-Options` | `DENY` | no other page may put this one into a frame |
//! | `Referrer-Policy` | `strict-origin-when-cross-origin` | other sites learn where a visitor comes from, not from which page |
//! | `Strict-Transport-Security` | no | browsers use HTTPS only, for so long (RFC 6797) |
//! | `Content-Security-Policy` | no | what a page may load and run |
//!
//! A header that the response has already is left alone: a page knows better than its server. Responses that an
//! outer layer makes are not reached, so this one belongs far outside; [`Stack`](crate::Stack) puts it there.
//!
//! # Risk
//!
//! `Strict-Transport-Security` is kept by browsers for its whole time and cannot be withdrawn faster than that; with
//! `includeSubDomains` it is for every host below, served from here or not. Begin with minutes. It must not be sent
//! over plain HTTP (RFC 6797 section 7.2), and is left out when the request is known to have come that way
//! ([`Scheme`](crate::forwarded::Scheme) in its extensions); where nothing is known, it is sent. A `Content-Security-Policy` made for another page breaks this one; FastAPI's documentation pages load their
//! scripts from a CDN and run one in the page.
//!
//! # Example
//!
//! ```
//! use std::time::Duration;
//!
//! use http::{HeaderValue, Request, Response};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use turbo_middleware::security_headers::{Hsts, SecurityHeadersLayer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let layer = SecurityHeadersLayer::recommended()
//!     .hsts(Hsts { max_age: Duration::from_secs(300), include_subdomains: false, preload: false })
//!     .content_security_policy(HeaderValue::from_static("default-src 'self'"));
//! let service = ServiceBuilder::new().layer(layer).service(service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(()))
//! }));
//! let response = service.oneshot(Request::new(())).await?;
//! assert_eq!(response.headers()["x-frame-options"], "DENY");
//! assert_eq!(response.headers()["strict-transport-security"], "max-age=300");
//! # Ok(())
//! # }
//! ```
//!
//! # Why not tower-http's
//!
//! `SetResponseHeader` sets one header, and would be five services around each other.

mod future;
mod layer;
mod service;
#[cfg(test)]
mod tests;

pub use future::ResponseFuture;
pub use layer::{Hsts, SecurityHeadersLayer};
pub use service::SecurityHeaders;

/// The name of the layer in a [`Stack`](crate::Stack).
pub const NAME: &str = "security headers";
