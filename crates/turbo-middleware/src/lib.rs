//! What a server decides about a request before a handler sees it.
//!
//! Independent of any transport and of Python: everything here works on [`http`] types.
//!
//! - [`forwarded`]: who the client behind a trusted proxy is (`X-Forwarded-For`, `X-Forwarded-Proto`).
//! - [`request_id`]: a name for each request, for logs and for the client.
//! - [`body_limit`]: no more than so many bytes of a request body, announced or not.
//! - [`stack`]: all layers in the right order.
#![forbid(unsafe_code)]

pub mod access_log;
pub mod answer;
pub mod body_limit;
pub mod compression;
pub mod forwarded;
pub mod request_id;
pub mod security_headers;
pub mod stack;
pub mod timeout;


/// Any error, as tower and hyper pass them on.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub use stack::{Builder, Stack};
