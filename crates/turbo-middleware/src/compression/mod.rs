//! Smaller responses for clients that can unpack them.
//!
//! gzip always; Brotli and Zstandard with the features `brotli` and `zstd` of the crate and
//! [`CompressionLayer::codings`]. Bodies are compressed as they flow: what the service has sent so far is flushed
//! whenever it makes the client wait, so that a stream keeps its pace.
//!
//! # What is compressed
//!
//! A response that has no `Content-Encoding` and no `Content-Range`, no `Cache-Control: no-transform` (RFC 9111
//! section 5.2.2.6), whose status allows a body, whose `Content-Type` is one of [`DEFAULT_CONTENT_TYPES`] or those of
//! [`CompressionLayer::content_types`], and whose length is unknown or at least [`CompressionLayer::minimum_size`]
//! (500 bytes). Event streams (`text/event-stream`) never are: proxies and clients are known to hold back what they
//! cannot read line by line.
//!
//! Such a response gets `Vary: Accept-Encoding` whether this client takes a coding or not, or a cache would give one
//! client's answer to another (RFC 9110 section 12.5.5). If it is compressed it loses `Content-Length` and
//! `Accept-Ranges`, and a strong `ETag` becomes a weak one, since the bytes are not the same (section 8.8.3).
//!
//! The client's `Accept-Encoding` is read as RFC 9110 section 12.5.3 says: the coding with the highest quality is
//! taken, the server's order decides between equals, `*` stands for all that are not named. A client that takes none
//! gets the plain response, even if it says that it refuses that too: the service has done its work by then.
//!
//! # Risk
//!
//! Compression shows in the length what the contents have in common. A page that repeats what an attacker sends
//! beside a secret gives the secret away, TLS or not (BREACH): leave such responses out (`Cache-Control:
//! no-transform`, or an own `Content-Encoding: identity`), or send no secrets in bodies. It takes time of the thread
//! that serves: for 64 KiB of JSON, which is what is done at a time, gzip takes about half a millisecond, Brotli one
//! and Zstandard a tenth.
//!
//! # Example
//!
//! ```
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use turbo_middleware::compression::CompressionLayer;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let service = ServiceBuilder::new().layer(CompressionLayer::new()).service(service_fn(|_: Request<()>| async {
//!     let response = Response::builder().header("content-type", "text/plain");
//!     response.body(Full::<bytes::Bytes>::from("hello ".repeat(1000)))
//! }));
//! let request = Request::builder().header("accept-encoding", "gzip, br").body(())?;
//! let response = service.oneshot(request).await?;
//! assert_eq!(response.headers()["content-encoding"], "gzip");
//! let body = response.into_body().collect().await.map_err(|error| error.to_string())?;
//! assert!(body.to_bytes().len() < 200);
//! # Ok(())
//! # }
//! ```
//!
//! # Why not tower-http's
//!
//! Its `Compression` turns the response of a service that has run into 406 when the client accepts no coding,
//! keeps strong `ETag`s, has no notion of `no-transform`, and sets no `Vary` on what it leaves plain for want of
//! size. The codecs are the libraries that it uses too, without the adapters between.

mod accept;
mod body;
mod coding;
mod encoder;
mod future;
mod layer;
mod rules;
mod service;
#[cfg(test)]
mod tests;

pub use body::ResponseBody;
pub use coding::Coding;
pub use future::ResponseFuture;
pub use layer::CompressionLayer;
pub use rules::DEFAULT_CONTENT_TYPES;
pub use service::Compression;

/// The name of the layer in a [`Stack`](crate::Stack).
pub const NAME: &str = "compression";
