use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use http::{Response, StatusCode};
use http_body::Body;

/// What is compressed unless [`CompressionLayer::content_types`](super::CompressionLayer::content_types) says
/// otherwise. `text/*` is every type of text; `+json` every type with that suffix (RFC 6839).
pub const DEFAULT_CONTENT_TYPES: &[&str] = &[
    "text/*",
    "application/json",
    "+json",
    "application/xml",
    "+xml",
    "application/javascript",
    "application/x-ndjson",
    "application/graphql-response",
    "application/manifest",
    "application/wasm",
    "application/x-www-form-urlencoded",
    "font/ttf",
    "font/otf",
];

/// Which responses are worth it.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) minimum_size: u64,
    /// In lower case.
    pub(super) content_types: Vec<String>,
}

impl Rules {
    pub(super) fn apply_to<C: Body>(&self, response: &Response<C>) -> bool {
        let headers = response.headers();
        let status = response.status();
        let bodiless = status.is_informational()
            || matches!(
                status,
                StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
            );
        let field = |name| headers.get(name).and_then(|value| value.to_str().ok());
        !bodiless
            && !headers.contains_key(CONTENT_ENCODING)
            && !headers.contains_key(CONTENT_RANGE)
            && !headers.get_all(CACHE_CONTROL).iter().any(|value| forbids_transforming(value.as_bytes()))
            && field(CONTENT_TYPE).is_some_and(|value| self.has_type(value))
            && length(response).is_none_or(|length| length >= self.minimum_size)
    }

    fn has_type(&self, content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        essence != "text/event-stream"
            && self.content_types.iter().any(|pattern| match pattern.strip_suffix('*') {
                Some(start) => essence.starts_with(start),
                None if pattern.starts_with('+') => essence.ends_with(pattern.as_str()),
                None => essence == *pattern,
            })
    }
}

/// Bytes of the body. That of an answer to HEAD is empty and its `Content-Length` is not.
fn length<C: Body>(response: &Response<C>) -> Option<u64> {
    let exact = response.body().size_hint().exact();
    if exact.is_some_and(|length| length > 0) {
        return exact;
    }
    let field = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    field.or(exact)
}

fn forbids_transforming(directives: &[u8]) -> bool {
    directives.split(|byte| *byte == b',').any(|one| one.trim_ascii().eq_ignore_ascii_case(b"no-transform"))
}
