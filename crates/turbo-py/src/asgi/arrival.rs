//! The order in which the fields of a request came, for requests that pass through layers first.
//!
//! The transport finds it by comparing what it received with the fields of the request, which layers may change.

use http::{HeaderMap, HeaderName, HeaderValue};
use turbo_http::Connection;

/// Names of fields, in the order they came; in the extensions of a request whose map had to move some.
#[derive(Clone)]
pub(crate) struct Arrival(Vec<HeaderName>);

impl Arrival {
    /// To be asked before any layer; `None` when the map has the order.
    pub(crate) fn of(headers: &HeaderMap, connection: &Connection) -> Option<Self> {
        let fields = connection.field_order(headers)?;
        Some(Self(fields.into_iter().map(|(name, _)| name).collect()))
    }

    /// The fields as they are now, each where a field of its name came; what is new comes last.
    pub(crate) fn arrange<'a>(&self, headers: &'a HeaderMap) -> Vec<(&'a HeaderName, &'a HeaderValue)> {
        let mut fields = Vec::with_capacity(headers.len());
        let mut left: Vec<_> = headers.iter().map(Some).collect();
        for name in &self.0 {
            let mut candidates = left.iter_mut();
            let found = candidates.find(|field| field.is_some_and(|(known, _)| known == name));
            fields.extend(found.and_then(Option::take));
        }
        fields.extend(left.into_iter().flatten());
        fields
    }
}
