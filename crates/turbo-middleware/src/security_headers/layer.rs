use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use tower_layer::Layer;

use super::service::SecurityHeaders;

/// Adds [`SecurityHeaders`] to a service; see the [module docs](super).
#[derive(Clone, Debug, Default)]
pub struct SecurityHeadersLayer {
    headers: Arc<Vec<(HeaderName, HeaderValue)>>,
}

/// The directives of `Strict-Transport-Security` (RFC 6797 section 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hsts {
    /// How long a browser remembers; whole seconds. Zero makes it forget.
    pub max_age: Duration,
    /// For all hosts below this one too.
    pub include_subdomains: bool,
    /// Agree to be put on the list that browsers come with (<https://hstspreload.org>).
    pub preload: bool,
}

impl SecurityHeadersLayer {
    /// No header at all, which is a layer that does nothing.
    #[must_use]
    pub fn off() -> Self {
        Self::default()
    }

    /// What the [module docs](super) recommend.
    #[must_use]
    pub fn recommended() -> Self {
        Self::off()
            .content_type_options()
            .frame_options(HeaderValue::from_static("DENY"))
            .referrer_policy(HeaderValue::from_static("strict-origin-when-cross-origin"))
    }

    /// `X-Content-Type-Options: nosniff`.
    #[must_use]
    pub fn content_type_options(self) -> Self {
        self.header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
    }

    /// `X-Frame-Options`: `DENY` or `SAMEORIGIN` (RFC 7034).
    #[must_use]
    pub fn frame_options(self, value: HeaderValue) -> Self {
        self.header(X_FRAME_OPTIONS, value)
    }

    /// `Referrer-Policy`, a policy's name (W3C Referrer Policy, section 3).
    #[must_use]
    pub fn referrer_policy(self, value: HeaderValue) -> Self {
        self.header(REFERRER_POLICY, value)
    }

    /// `Content-Security-Policy` (W3C Content Security Policy Level 3).
    #[must_use]
    pub fn content_security_policy(self, value: HeaderValue) -> Self {
        self.header(CONTENT_SECURITY_POLICY, value)
    }

    /// `Strict-Transport-Security`.
    #[must_use]
    pub fn hsts(self, hsts: Hsts) -> Self {
        let mut value = format!("max-age={}", hsts.max_age.as_secs());
        for (wanted, directive) in [(hsts.include_subdomains, "includeSubDomains"), (hsts.preload, "preload")]
        {
            if wanted {
                // Writing to a string cannot fail.
                let _ = write!(value, "; {directive}");
            }
        }
        match HeaderValue::try_from(value) {
            Ok(value) => self.header(STRICT_TRANSPORT_SECURITY, value),
            Err(_) => self,
        }
    }

    /// Any further header; a second value for one replaces the first.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        let headers = Arc::make_mut(&mut self.headers);
        headers.retain(|(known, _)| *known != name);
        headers.push((name, value));
        self
    }

    /// Whether the layer does anything.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.headers.is_empty()
    }
}

impl<S> Layer<S> for SecurityHeadersLayer {
    type Service = SecurityHeaders<S>;

    fn layer(&self, inner: S) -> SecurityHeaders<S> {
        SecurityHeaders { inner, headers: Arc::clone(&self.headers) }
    }
}
