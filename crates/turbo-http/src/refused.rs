//! The responses to requests that do not reach the service, in the user's words.
//!
//! hyper answers what it cannot parse by itself and with the bare status. There is no way to have it say more, so
//! its response is replaced on the way to the socket; those made by the service adapter take the same way.

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONNECTION, CONTENT_LENGTH, DATE};

use crate::config::Refusal;

/// The bytes to send instead of `original`, the whole head of a response without a body.
pub(crate) fn replace(original: &[u8], refusal: &Refusal) -> Bytes {
    let version = original.get(..8).unwrap_or(b"HTTP/1.1");
    let status = original.get(9..12).and_then(|digits| StatusCode::from_bytes(digits).ok());
    let response = refusal.response(status.unwrap_or(StatusCode::BAD_REQUEST));
    let (head, body) = response.into_parts();
    let mut bytes = Vec::with_capacity(256 + body.len());
    bytes.extend_from_slice(version);
    bytes.push(b' ');
    bytes.extend_from_slice(head.status.as_str().as_bytes());
    bytes.push(b' ');
    bytes.extend_from_slice(head.status.canonical_reason().unwrap_or_default().as_bytes());
    bytes.extend_from_slice(b"\r\n");
    let mut line = |name: &[u8], value: &[u8]| {
        for part in [name, b": ", value, b"\r\n"] {
            bytes.extend_from_slice(part);
        }
    };
    if let (false, Some(date)) = (head.headers.contains_key(DATE), date(original)) {
        line(b"date", date);
    }
    for (name, value) in &head.headers {
        line(name.as_ref(), value.as_bytes());
    }
    if !head.headers.contains_key(CONTENT_LENGTH) {
        line(b"content-length", body.len().to_string().as_bytes());
    }
    if !head.headers.contains_key(CONNECTION) {
        line(b"connection", b"close");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&body);
    bytes.into()
}

/// The value of hyper's `date` line, if it has been told to send one.
fn date(original: &[u8]) -> Option<&[u8]> {
    original
        .split(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(b"date: "))
        .and_then(|value| value.strip_suffix(b"\r"))
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Response};

    use super::*;
    use crate::config::Config;

    fn refusal(respond: fn(StatusCode) -> Response<Bytes>) -> Refusal {
        Config::builder().refusal(respond).build().unwrap().refusal.unwrap()
    }

    fn no(status: StatusCode) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from_static(b"no"));
        *response.status_mut() = status;
        response.headers_mut().insert("server", HeaderValue::from_static("me"));
        response
    }

    #[test]
    fn status_version_and_date_are_kept_and_the_rest_is_ours() {
        let original =
            b"HTTP/1.0 431 Request Header Fields Too Large\r\ncontent-length: 0\r\ndate: now\r\n\r\n";
        assert_eq!(
            replace(original, &refusal(no)),
            "HTTP/1.0 431 Request Header Fields Too Large\r\ndate: now\r\nserver: me\r\ncontent-length: 2\r\n\
             connection: close\r\n\r\nno"
        );
    }

    #[test]
    fn another_status_may_be_chosen_and_no_date_invented() {
        let response =
            replace(b"HTTP/1.1 414 URI Too Long\r\n\r\n", &refusal(|_| no(StatusCode::BAD_REQUEST)));
        assert!(response.starts_with(b"HTTP/1.1 400 Bad Request\r\nserver: me\r\n"));
    }
}
