//! What CORS decides about a request and its response.

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::allowed::Allowed;
use crate::early::{Answer, Before, RequestHead};
use crate::fields::{Fields, add_vary, latin1, strip};

const REQUEST_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");

/// The rules, as the attributes of a built `CORSMiddleware` have them (`starlette/middleware/cors.py`).
///
/// [`Options`](super::Options) makes one from settings.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the attributes of Starlette's class")]
pub struct Policy {
    /// The origins, if not all.
    pub allow_origins: Allowed,
    /// The methods that a preflight may ask for; case counts.
    pub allow_methods: Allowed,
    /// The names of headers that a preflight may ask for, in lower case.
    pub allow_headers: Vec<String>,
    /// Every origin may come.
    pub allow_all_origins: bool,
    /// Every header may be asked for, and is named in the answer.
    pub allow_all_headers: bool,
    /// The response names the origin, as it must where cookies are sent.
    pub allow_credentials: bool,
    /// The preflight's answer names the origin.
    pub preflight_explicit_allow_origin: bool,
    /// A page on a public network may ask.
    pub allow_private_network: bool,
    /// What a response gets when the request has an origin; each name once.
    pub simple_headers: Vec<(HeaderName, HeaderValue)>,
    /// What every answer to a preflight has.
    pub preflight_headers: Vec<(HeaderName, HeaderValue)>,
}

/// How a response treats the request's origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// The request has no origin.
    Absent,
    /// The origin is not named: it is not allowed, or all are.
    Unnamed,
    /// The origin is this one of the exact ones.
    Known(usize),
    /// The origin is allowed in another way, and this is its name.
    Named(Box<[u8]>),
}

impl Policy {
    /// Answers a preflight, which is an `OPTIONS` request with `Origin` and `Access-Control-Request-Method`,
    /// for any path.
    #[must_use]
    pub fn before(&self, head: RequestHead<'_>) -> Before {
        if head.method != Method::OPTIONS {
            return Before::Pass;
        }
        let headers = head.headers;
        let (Some(origin), Some(method)) = (headers.get(ORIGIN), headers.get(ACCESS_CONTROL_REQUEST_METHOD))
        else {
            return Before::Pass;
        };
        let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS);
        let private = headers.contains_key(REQUEST_PRIVATE_NETWORK);
        self.preflight(origin, method, asked, private).map_or(Before::InDoubt, Before::Answer)
    }

    /// `CORSMiddleware.preflight_response`.
    fn preflight(
        &self,
        origin: &HeaderValue,
        method: &HeaderValue,
        asked: Option<&HeaderValue>,
        private: bool,
    ) -> Option<Answer> {
        let mut headers = Vec::with_capacity(self.preflight_headers.len() + 5);
        headers.extend(self.preflight_headers.iter().cloned());
        let mut failures: Vec<&str> = Vec::new();
        if !self.allows_origin(origin)? {
            failures.push("origin");
        } else if self.preflight_explicit_allow_origin {
            headers.set(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        }
        if !self.allow_methods.has(method)? {
            failures.push("method");
        }
        if let Some(asked) = asked {
            if self.allow_all_headers {
                headers.set(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
            } else if !self.allows_headers(asked) {
                failures.push("headers");
            }
        }
        if private {
            if self.allow_private_network {
                headers.set(ALLOW_PRIVATE_NETWORK, HeaderValue::from_static("true"));
            } else {
                failures.push("private-network");
            }
        }
        if failures.is_empty() {
            return Some(Answer::plain_text(StatusCode::OK, "OK", headers));
        }
        let text = format!("Disallowed CORS {}", failures.join(", "));
        Some(Answer::plain_text(StatusCode::BAD_REQUEST, text, headers))
    }

    /// Whether [`grant`](Self::grant) always knows: no predicate is asked.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        self.allow_all_origins || self.allow_origins.is_exact()
    }

    /// Decides how the response will treat `origin`; `None` when a predicate of the user's cannot tell.
    #[must_use]
    pub fn grant(&self, origin: Option<&HeaderValue>) -> Option<Grant> {
        let Some(origin) = origin else { return Some(Grant::Absent) };
        let is_named = if self.allow_all_origins {
            self.allow_credentials
        } else if let Some(known) = self.allow_origins.find(origin) {
            return Some(Grant::Known(known));
        } else {
            self.allow_origins.is_predicted(origin)?
        };
        // A piece of the buffer that the head was read into would go out with the response, and until then hyper would
        // need another buffer of eight kilobytes for the next head.
        Some(if is_named { Grant::Named(origin.as_bytes().into()) } else { Grant::Unnamed })
    }

    /// Gives a response its headers, as `CORSMiddleware.send` does; `vary` names `Origin` in any case.
    pub fn after(&self, grant: Grant, fields: &mut impl Fields) {
        // Most responses have nothing to be replaced or merged: then nothing is searched for.
        let untouched = !fields.any(|name| *name == VARY || is_simple(name));
        let mut names_origin = false;
        if !matches!(grant, Grant::Absent) {
            for (name, value) in &self.simple_headers {
                names_origin |= *name == ACCESS_CONTROL_ALLOW_ORIGIN;
                put(fields, untouched && is_simple(name), name.clone(), value.clone());
            }
        }
        let origin = match grant {
            Grant::Absent | Grant::Unnamed => None,
            Grant::Known(place) => self.allow_origins.at(place),
            Grant::Named(origin) => HeaderValue::from_maybe_shared(Bytes::from(origin)).ok(),
        };
        if let Some(origin) = origin {
            put(fields, untouched && !names_origin, ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        if untouched {
            fields.add(VARY, HeaderValue::from_static("Origin"));
        } else {
            add_vary(fields, "Origin");
        }
    }

    fn allows_origin(&self, origin: &HeaderValue) -> Option<bool> {
        if self.allow_all_origins { Some(true) } else { self.allow_origins.has(origin) }
    }

    fn allows_headers(&self, asked: &HeaderValue) -> bool {
        let asked = latin1(asked).to_lowercase();
        asked.split(',').all(|name| self.allow_headers.iter().any(|allowed| allowed == strip(name)))
    }
}

/// Whether a response to a simple request gets a field of this name.
fn is_simple(name: &HeaderName) -> bool {
    *name == ACCESS_CONTROL_ALLOW_ORIGIN
        || *name == ACCESS_CONTROL_ALLOW_CREDENTIALS
        || *name == ACCESS_CONTROL_EXPOSE_HEADERS
}

/// Gives `name` this one value, without a search where it is known to be `absent`.
fn put(fields: &mut impl Fields, absent: bool, name: HeaderName, value: HeaderValue) {
    if absent { fields.add(name, value) } else { fields.set(name, value) }
}
