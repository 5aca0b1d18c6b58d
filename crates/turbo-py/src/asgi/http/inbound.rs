//! A request on its way to whoever answers it.

use bytes::Bytes;
use http::header;
use http::request::Parts;
use http_body::Body as _;

use super::body::RequestBody;
use super::state::Rest;

/// A request that nothing has taken yet.
pub(crate) struct Inbound {
    pub(crate) parts: Parts,
    /// What is still to come of the body.
    pub(crate) rest: Rest,
    /// What has arrived of it.
    pub(crate) early: Bytes,
}

impl Inbound {
    /// A request of which no more than the head was read.
    pub(crate) fn new(parts: Parts, body: RequestBody) -> Self {
        let rest = if body.is_end_stream() { Rest::Nothing } else { Rest::Open(body) };
        Self { parts, rest, early: Bytes::new() }
    }

    /// Whether some of the body is still to come.
    pub(crate) fn has_rest(&self) -> bool {
        matches!(self.rest, Rest::Open(_))
    }

    /// Whether the client waits for `100 Continue` before it sends that. Reading is what makes hyper send it, so
    /// when to read is the application's to say (RFC 9110 10.1.1).
    pub(crate) fn expects_continue(&self) -> bool {
        self.has_rest() && self.parts.headers.contains_key(header::EXPECT)
    }
}
