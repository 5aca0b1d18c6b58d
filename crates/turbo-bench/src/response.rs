//! Just enough of an HTTP/1.1 response parser for a load generator: `Content-Length` framing.

use std::io;

/// A complete response.
#[derive(Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
}

/// The response that `bytes` holds; `None` while it is incomplete.
///
/// # Errors
/// `InvalidData` if it is not a response with a `Content-Length`, or if something follows it.
pub fn parse(bytes: &[u8]) -> io::Result<Option<Response<'_>>> {
    let Some(head) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let body = &bytes[head + 4..];
    let text = std::str::from_utf8(&bytes[..head]).map_err(|_| invalid("the head is not UTF-8"))?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|rest| rest.get(..3)?.parse().ok())
        .ok_or_else(|| invalid("no status line"))?;
    let length: usize = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .ok_or_else(|| invalid("no Content-Length"))?;
    match body.len() {
        have if have < length => Ok(None),
        have if have == length => Ok(Some(Response { status, body })),
        _ => Err(invalid("bytes after the response")),
    }
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::{Response, parse};

    #[test]
    fn responses_are_complete_or_not() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(parse(whole).unwrap(), Some(Response { status: 200, body: b"ok" }));
        for end in 0..whole.len() {
            assert_eq!(parse(&whole[..end]).unwrap(), None, "{end} bytes");
        }
    }

    #[test]
    fn what_is_not_such_a_response_is_an_error() {
        for bytes in [
            &b"HTTP/1.1 200 OK\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab",
            b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
        ] {
            assert!(parse(bytes).is_err(), "{bytes:?}");
        }
    }
}
