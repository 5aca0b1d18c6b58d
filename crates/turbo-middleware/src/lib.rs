//! What a server decides about a request before a handler sees it.
//!
//! Independent of any transport and of Python: everything here works on [`http`] types.
//!
//! - [`forwarded`]: who the client behind a trusted proxy is (`X-Forwarded-For`, `X-Forwarded-Proto`).
//! - [`cors`]: which pages of other origins may read a response.
#![forbid(unsafe_code)]

pub mod cors;
mod early;
mod fields;
pub mod forwarded;

pub use early::{Answer, Before, RequestHead, Scheme};
pub use fields::Fields;
