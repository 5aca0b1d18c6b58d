//! Which responses are compressed.

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::fields::{Fields, add_vary, latin1, strip};

/// The media types that Starlette leaves alone (`DEFAULT_EXCLUDED_CONTENT_TYPES`).
pub const EXCLUDED_CONTENT_TYPES: [&str; 14] = [
    "application/grpc",
    "application/gzip",
    "application/x-gzip",
    "application/zip",
    "audio/*",
    "font/woff",
    "font/woff2",
    "image/avif",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/event-stream",
    "video/*",
];

/// The rules of a `GZipMiddleware` (`starlette/middleware/gzip.py`).
#[derive(Clone, Debug)]
pub struct Policy {
    minimum_size: usize,
    excluded: Vec<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self::new(500, EXCLUDED_CONTENT_TYPES)
    }
}

/// What becomes of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays as it is.
    Untouched,
    /// The body stays, and `Vary` says that it need not have.
    Identity,
    /// The body is compressed.
    Compress,
}

impl Policy {
    /// Leaves whole bodies of fewer than `minimum_size` bytes alone, and media types such as `image/png` or
    /// `audio/*` in `excluded` (parameters and case do not count).
    #[must_use]
    pub fn new<T: AsRef<str>>(minimum_size: usize, excluded: impl IntoIterator<Item = T>) -> Self {
        Self { minimum_size, excluded: excluded.into_iter().map(|one| essence(one.as_ref())).collect() }
    }

    /// Whether the client takes gzip: the first `Accept-Encoding` contains the word, whatever its weight.
    #[must_use]
    pub fn accepts(headers: &HeaderMap) -> bool {
        headers
            .get(ACCEPT_ENCODING)
            .is_some_and(|value| value.as_bytes().windows(4).any(|window| window == b"gzip"))
    }

    /// What becomes of a response with these fields; `length` of its body if it is whole.
    #[must_use]
    pub fn verdict(
        &self,
        accepted: bool,
        status: StatusCode,
        fields: &impl Fields,
        length: Option<usize>,
    ) -> Verdict {
        if length.is_some_and(|length| length < self.minimum_size)
            || status == StatusCode::PARTIAL_CONTENT
            || fields.first(&CONTENT_ENCODING).is_some()
            || self.excludes(fields)
        {
            Verdict::Untouched
        } else if accepted {
            Verdict::Compress
        } else {
            Verdict::Identity
        }
    }

    /// The fields of a response whose verdict is [`Verdict::Identity`].
    pub fn identity(fields: &mut impl Fields) {
        add_vary(fields, "Accept-Encoding");
    }

    /// The fields of a whole response that was compressed to `length` bytes.
    pub fn compressed(fields: &mut impl Fields, length: usize) {
        add_vary(fields, "Accept-Encoding");
        fields.set(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        fields.set(CONTENT_LENGTH, HeaderValue::from(length));
    }

    fn excludes(&self, fields: &impl Fields) -> bool {
        let media_type = fields.first(&CONTENT_TYPE).map(latin1).unwrap_or_default();
        let media_type = essence(&media_type);
        let kind = media_type.split('/').next().unwrap_or_default();
        self.excluded.iter().any(|excluded| {
            *excluded == media_type
                || excluded.strip_suffix("/*") == Some(kind)
                || (excluded == "application/grpc" && media_type.starts_with("application/grpc+"))
        })
    }
}

/// A media type without its parameters, in lower case.
fn essence(content_type: &str) -> String {
    strip(content_type.split(';').next().unwrap_or_default()).to_lowercase()
}
