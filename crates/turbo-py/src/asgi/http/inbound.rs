//! A request on its way to whoever answers it.

use bytes::Bytes;
use http::request::Parts;

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
        let rest = if http_body::Body::is_end_stream(&body) { Rest::Nothing } else { Rest::Open(body) };
        Self { parts, rest, early: Bytes::new() }
    }
}
