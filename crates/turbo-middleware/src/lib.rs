//! What a server decides about a request before a handler sees it.
//!
//! Independent of any transport and of Python: everything here works on [`http`] types.
//!
//! - [`forwarded`]: who the client behind a trusted proxy is (`X-Forwarded-For`, `X-Forwarded-Proto`).
//! - [`cors`]: which pages of other origins may read a response.
//! - [`gzip`]: which responses are compressed.
//! - [`trusted_host`]: which hosts may be asked for.
//! - [`https_redirect`]: requests without TLS are sent to the same URL with it.
#![forbid(unsafe_code)]

pub mod answer;
pub mod cors;
mod early;
mod fields;
pub mod forwarded;
pub mod gzip;
mod host;
pub mod https_redirect;
pub mod trusted_host;

pub use early::{Answer, AnswerFuture, Before, RequestHead};
pub use fields::Fields;
