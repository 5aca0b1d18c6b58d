//! What a server decides about a request before a handler sees it.
//!
//! Independent of any transport and of Python: everything here works on [`http`] types.
//!
//! - [`forwarded`]: who the client behind a trusted proxy is (`X-Forwarded-For`, `X-Forwarded-Proto`).
#![forbid(unsafe_code)]

pub mod forwarded;
