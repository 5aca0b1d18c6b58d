//! The client and the scheme that a trusted proxy reports.
//!
//! A proxy hides its client: the server sees the proxy's address and the scheme of the inner hop. It passes
//! the truth on in `X-Forwarded-For` and `X-Forwarded-Proto`, which any client can also send, so the headers
//! count only when the peer itself is trusted ([`TrustedProxies`]).
//!
//! The rules are those of uvicorn 0.54 (`uvicorn/middleware/proxy_headers.py`):
//!
//! 1. Nothing happens unless the connection's peer is trusted.
//! 2. Of several `X-Forwarded-Proto` fields the last one counts; a value other than `http`, `https`, `ws`,
//!    `wss` (surrounding white space aside) is ignored. For a WebSocket `http` becomes `ws`, `https` `wss`.
//! 3. All `X-Forwarded-For` fields form one list in order. It is read from the end, and the first hop that
//!    is not trusted is the client. If every hop is trusted, the first of the list is.
//! 4. With `*` every hop is trusted, so the first of the list is the client.
//! 5. A hop is `host`, `host:port` or `[host]:port`; without a port, or with one that is not a number, the port is 0.
//! 6. If the hop found has an empty host, the client stays what the transport said. An empty hop is not trusted.
//!
//! One difference: a port outside `i64` counts as not a number; uvicorn would carry it as a long integer.
//!
//! ```
//! use http::HeaderMap;
//! use turbo_middleware::forwarded::{Protocol, TrustedProxies};
//!
//! let proxies = TrustedProxies::new(["127.0.0.1", "10.0.0.0/8"]);
//! let mut headers = HeaderMap::new();
//! headers.insert("x-forwarded-for", "203.0.113.9, 10.1.1.1".parse()?);
//! headers.insert("x-forwarded-proto", "https".parse()?);
//!
//! let trusted = proxies.trusts(Some("127.0.0.1"));
//! let seen = proxies.forwarded(trusted, &headers, Protocol::Http);
//! assert_eq!(seen.scheme, Some("https"));
//! assert_eq!(seen.client, Some(("203.0.113.9".to_owned(), 0)));
//! # Ok::<(), http::header::InvalidHeaderValue>(())
//! ```

mod hop;
#[cfg(test)]
mod tests;
mod trusted;

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};

pub use trusted::TrustedProxies;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What the request speaks, which decides the spelling of the scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// A plain HTTP request.
    Http,
    /// A WebSocket handshake.
    WebSocket,
}

/// What the forwarding headers change; `None` leaves what the transport knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwarded {
    /// The scheme the client used: `http`, `https`, `ws` or `wss`.
    pub scheme: Option<&'static str>,
    /// The client's host, as the proxy wrote it, and its port (0 if the proxy gave none).
    ///
    /// The port is whatever number was sent, so it can be negative or above 65,535.
    pub client: Option<(String, i64)>,
}

/// The scheme that the client used, in the extensions of a request: `http`, `https`, `ws` or `wss`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheme(pub &'static str);

impl TrustedProxies {
    /// Applies the rules of the [module](self) to one request.
    ///
    /// `peer_trusted` is the answer of [`trusts`](Self::trusts) for the connection's peer, which a server
    /// asks once for a connection. Without a forwarding header nothing is allocated.
    #[must_use]
    pub fn forwarded(&self, peer_trusted: bool, headers: &HeaderMap, protocol: Protocol) -> Forwarded {
        if !peer_trusted {
            return Forwarded::default();
        }
        Forwarded { scheme: scheme(headers, protocol), client: self.client(headers) }
    }

    fn client(&self, headers: &HeaderMap) -> Option<(String, i64)> {
        let fields = headers.get_all(FORWARDED_FOR);
        let first = latin1(fields.iter().next()?);
        if !self.trusts_everyone() {
            for field in fields.iter().rev() {
                let field = latin1(field);
                for hop in field.rsplit(',') {
                    let (host, port) = hop::parse(trim(hop));
                    if !self.trusts(Some(host)) {
                        return named(host, port);
                    }
                }
            }
        }
        let (host, port) = hop::parse(trim(first.split(',').next().unwrap_or_default()));
        named(host, port)
    }
}

fn named(host: &str, port: i64) -> Option<(String, i64)> {
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

fn scheme(headers: &HeaderMap, protocol: Protocol) -> Option<&'static str> {
    let value = latin1(headers.get_all(FORWARDED_PROTO).iter().next_back()?);
    match (trim(&value), protocol) {
        ("http", Protocol::Http) => Some("http"),
        ("https", Protocol::Http) => Some("https"),
        ("ws", _) | ("http", Protocol::WebSocket) => Some("ws"),
        ("wss", _) | ("https", Protocol::WebSocket) => Some("wss"),
        _ => None,
    }
}

/// The field's bytes as ISO-8859-1, the way ASGI servers turn header bytes into text.
fn latin1(value: &HeaderValue) -> Cow<'_, str> {
    let bytes = value.as_bytes();
    match std::str::from_utf8(bytes) {
        Ok(text) if bytes.is_ascii() => Cow::Borrowed(text),
        _ => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    }
}

/// Python's `str.strip()`, which also removes the four ASCII separators U+001C to U+001F.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c))
}
