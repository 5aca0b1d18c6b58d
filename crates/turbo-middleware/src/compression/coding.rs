use http::HeaderValue;

/// A content coding (RFC 9110 section 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Coding {
    /// `gzip` (RFC 1952).
    Gzip,
    /// `br` (RFC 7932).
    #[cfg(feature = "brotli")]
    Brotli,
    /// `zstd` (RFC 8878).
    #[cfg(feature = "zstd")]
    Zstd,
}

impl Coding {
    /// The name in `Accept-Encoding` and `Content-Encoding`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            #[cfg(feature = "brotli")]
            Self::Brotli => "br",
            #[cfg(feature = "zstd")]
            Self::Zstd => "zstd",
        }
    }

    pub(super) fn header_value(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }

    /// Whether `name` in `Accept-Encoding` means this coding; `x-gzip` is `gzip` (RFC 9110 section 8.4.1.3).
    pub(super) fn is_called(self, name: &str) -> bool {
        name.eq_ignore_ascii_case(self.name()) || (self == Self::Gzip && name.eq_ignore_ascii_case("x-gzip"))
    }
}
