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

mod policy;
#[cfg(test)]
mod tests;

pub use policy::Policy;
