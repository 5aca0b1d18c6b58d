//! Label values, of which there is a bounded number.

use std::sync::Arc;

use http::{Method, StatusCode};
use prometheus_client::encoding::{EncodeLabelSet, LabelSetEncoder};

/// The template of the route that serves a request, such as `/items/{id}`, in the extensions of its response.
///
/// Who matches routes puts it there. The path itself is no replacement: there can be any number of paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route(pub Arc<str>);

/// The label of requests without a [`Route`].
pub(super) const UNMATCHED: &str = "unmatched";
/// The label of routes beyond the number that is kept apart.
pub(super) const OTHER: &str = "other";

/// Methods with a name of their own; clients can send any other word as well.
const METHODS: [&str; 10] =
    ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE", "_OTHER"];
pub(super) const METHOD_COUNT: usize = METHODS.len();

pub(super) fn method_index(method: &Method) -> usize {
    METHODS.iter().position(|name| *name == method.as_str()).unwrap_or(METHOD_COUNT - 1)
}

/// `none` stands for requests whose client left before there was a response.
const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];
pub(super) const CLASS_COUNT: usize = CLASSES.len();

pub(super) fn class_index(status: Option<StatusCode>) -> usize {
    match status.map(|status| status.as_u16() / 100) {
        Some(class @ 1..=5) => usize::from(class),
        // Codes from 600 on mean nothing to anyone (RFC 9110 15: treat as 5xx).
        Some(_) => 5,
        None => 0,
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RouteLabels {
    pub(super) method: usize,
    pub(super) route: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct RequestLabels {
    pub(super) of: RouteLabels,
    pub(super) class: usize,
}

impl EncodeLabelSet for RouteLabels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> std::fmt::Result {
        [("method", METHODS[self.method]), ("route", &*self.route)].encode(encoder)
    }
}

impl EncodeLabelSet for RequestLabels {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> std::fmt::Result {
        self.of.encode(encoder)?;
        [("status", CLASSES[self.class])].encode(encoder)
    }
}
