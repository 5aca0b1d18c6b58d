use http::header::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// Longest incoming id that is taken, in bytes.
const LONGEST: usize = 128;

/// The id of a request: a harmless header value, see the [module docs](super).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id(HeaderValue);

impl Id {
    /// A new one, unlike any other.
    pub(super) fn random() -> Self {
        let mut buffer = Uuid::encode_buffer();
        let text = Uuid::new_v4().simple().encode_lower(&mut buffer);
        Self(HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("-")))
    }

    /// The id that a request brings in the field `name`, if it is one.
    pub(super) fn incoming(headers: &HeaderMap, name: &HeaderName) -> Option<Self> {
        let mut fields = headers.get_all(name).iter();
        let value = fields.next()?;
        (fields.next().is_none() && is_valid(value.as_bytes())).then(|| Self(value.clone()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The id as the value of a header.
    #[must_use]
    pub fn header_value(&self) -> &HeaderValue {
        &self.0
    }
}

/// Whether bytes from outside can be an id.
pub(super) fn is_valid(bytes: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:;=+/@~".contains(byte);
    (1..=LONGEST).contains(&bytes.len()) && bytes.iter().all(allowed)
}
