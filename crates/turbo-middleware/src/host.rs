//! `Host` fields and redirects, as `starlette._utils.parse_host_header` and `starlette.datastructures.URL` read them.

use std::net::Ipv6Addr;

use http::{HeaderMap, HeaderValue, header};

use crate::early::RequestHead;

/// A `Host` field that Starlette takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Host<'a> {
    /// With the brackets of an IP literal.
    pub(crate) name: &'a str,
    pub(crate) port: Option<&'a str>,
}

/// The first `Host` field, unless there is none or Starlette refuses it.
pub(crate) fn host(headers: &HeaderMap) -> Option<Host<'_>> {
    parse(headers.get(header::HOST)?.to_str().ok()?)
}

/// Whether the first `Host` field is an IP literal, whose rules are those of Python's `ipaddress`.
pub(crate) fn is_literal(headers: &HeaderMap) -> bool {
    headers.get(header::HOST).is_some_and(|value| value.as_bytes().first() == Some(&b'['))
}

fn parse(text: &str) -> Option<Host<'_>> {
    if let Some(rest) = text.strip_prefix('[') {
        let (inner, after) = rest.split_once(']')?;
        let valid = match inner.strip_prefix('v') {
            Some(future) => is_future(future),
            None => inner.parse::<Ipv6Addr>().is_ok(),
        };
        let name = &text[..inner.len() + 2];
        return valid.then_some(()).and_then(|()| with_port(name, after));
    }
    let end = text.find(':').unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    if name.is_empty() || !name.bytes().all(is_name) {
        return None;
    }
    with_port(name, after)
}

fn with_port<'a>(name: &'a str, after: &'a str) -> Option<Host<'a>> {
    if after.is_empty() {
        return Some(Host { name, port: None });
    }
    let port = after.strip_prefix(':')?;
    let valid = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    valid.then_some(Host { name, port: Some(port) })
}

/// RFC 3986 3.2.2: a `reg-name`, of which `%` need not begin an escape.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._~%!$&'()*+,;=-".contains(&byte)
}

/// What follows the `v` of an `IPvFuture`.
fn is_future(text: &str) -> bool {
    let Some((version, address)) = text.split_once('.') else { return false };
    let hex = |byte: u8| byte.is_ascii_hexdigit();
    let part = |byte: u8| byte == b':' || (is_name(byte) && byte != b'%');
    !version.is_empty() && version.bytes().all(hex) && !address.is_empty() && address.bytes().all(part)
}

impl Host<'_> {
    /// Whether the host is a plain name, which no URL parser touches but for its case, with a port that can be one.
    pub(crate) fn is_plain(&self) -> bool {
        let name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        self.name.bytes().all(name) && self.port.is_none_or(|port| port.parse::<u16>().is_ok())
    }

    /// The port, if the host [is plain](Self::is_plain).
    pub(crate) fn port_number(&self) -> Option<u16> {
        self.port.and_then(|port| port.parse().ok())
    }

    pub(crate) fn push_to(&self, url: &mut String) {
        url.push_str(self.name);
        if let Some(port) = self.port {
            url.push(':');
            url.push_str(port);
        }
    }
}

/// Appends the path and the query of a redirect; `None` when quoting would change something, or parsing could.
pub(crate) fn push_target(head: &RequestHead<'_>, url: &mut String) -> Option<()> {
    let uri = head.uri;
    // A target in absolute form says more than its path (RFC 9112 3.2.2).
    let plain = uri.authority().is_none()
        && uri.path().starts_with('/')
        && head.root_path.bytes().chain(uri.path().bytes()).all(is_path);
    if !plain || !(head.root_path.is_empty() || head.root_path.starts_with('/')) {
        return None;
    }
    url.push_str(head.root_path);
    url.push_str(uri.path());
    if let Some(query) = uri.query().filter(|query| !query.is_empty()) {
        if !query.bytes().all(is_query) {
            return None;
        }
        url.push('?');
        url.push_str(query);
    }
    Some(())
}

/// Appends the path and the query of a redirect as they came.
pub(crate) fn push_target_as_sent(head: &RequestHead<'_>, url: &mut String) {
    url.push_str(head.root_path);
    url.push_str(head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str));
}

fn is_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/._~-!$&'()*+,;=:@".contains(&byte)
}

fn is_query(byte: u8) -> bool {
    is_path(byte) || b"?%".contains(&byte)
}

/// The value of `location`; `url` is made of bytes that a field may have.
pub(crate) fn location(url: String) -> Option<HeaderValue> {
    HeaderValue::from_maybe_shared(bytes::Bytes::from(url)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_starlette_takes() {
        for (text, expected) in [
            ("example.org", Some(("example.org", None))),
            ("Example.org:80", Some(("Example.org", Some("80")))),
            ("a%20b!$&'()*+,;=-._~:1", Some(("a%20b!$&'()*+,;=-._~", Some("1")))),
            ("[::1]", Some(("[::1]", None))),
            ("[::ffff:1.2.3.4]:99999999", Some(("[::ffff:1.2.3.4]", Some("99999999")))),
            ("[v1.a:b]", Some(("[v1.a:b]", None))),
            ("", None),
            (":80", None),
            ("a:", None),
            ("a:b", None),
            ("a:1:2", None),
            ("a b", None),
            ("a/b", None),
            ("a@b", None),
            ("[::1", None),
            ("[1.2.3.4]", None),
            ("[V1.a]", None),
            ("[v.a]", None),
            ("[::1]x", None),
        ] {
            let found = parse(text);
            assert_eq!(found.map(|host| (host.name, host.port)), expected, "{text}");
        }
    }
}
