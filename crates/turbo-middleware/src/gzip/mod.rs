//! Compression with gzip.
//!
//! The rules are those of Starlette 1.10 (`starlette/middleware/gzip.py`):
//!
//! 1. `gzip` anywhere in `Accept-Encoding` counts, `gzip;q=0` too.
//! 2. A whole body below the minimum size (500 bytes) is left alone, as are partial content (206), a response that
//!    has a `Content-Encoding`, and media types that are compressed already.
//! 3. Every other response gets `Vary: Accept-Encoding`, merged into the `Vary` it has, compressed or not.
//!
//! The risk: where one response has a secret and text of an attacker's choice, its compressed length tells
//! of the secret (BREACH). Leave such responses out by their media type or a `Content-Encoding: identity`.
//!
//! [`Policy`] decides without any transport and without a codec.
//!
//! ```
//! use http::{HeaderMap, StatusCode};
//! use turbo_middleware::gzip::{Policy, Verdict};
//!
//! let policy = Policy::default();
//! let mut headers = HeaderMap::new();
//! headers.insert("content-type", "application/json".parse()?);
//! assert_eq!(policy.verdict(true, StatusCode::OK, &headers, Some(499)), Verdict::Untouched);
//! assert_eq!(policy.verdict(true, StatusCode::OK, &headers, Some(500)), Verdict::Compress);
//! # Ok::<(), http::header::InvalidHeaderValue>(())
//! ```

mod policy;
#[cfg(test)]
mod tests;

pub use policy::{EXCLUDED_CONTENT_TYPES, Policy, Verdict};
