//! Just enough of an HTTP/1.1 response parser for a load generator.

use std::io;

use bytes::{Buf, BytesMut};

const MAX_HEADERS: usize = 64;

/// How the end of a body is known (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
}

/// What the head of a response says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// `Content-Encoding: gzip`.
    pub gzip: bool,
    /// The server will close the connection.
    pub close: bool,
    framing: Framing,
}

/// Takes responses off the front of a buffer, one after the other.
#[derive(Debug, Default)]
pub struct Parser {
    head: Option<Head>,
    /// The content of the chunks so far.
    chunks: BytesMut,
}

impl Parser {
    /// The next response, if `input` has all of it; what belongs to it is removed from `input`.
    ///
    /// # Errors
    /// `InvalidData` if it is not an HTTP/1.1 response with a length or chunks.
    pub fn take(&mut self, input: &mut BytesMut) -> io::Result<Option<(Head, BytesMut)>> {
        let head = match self.head {
            Some(head) => head,
            None => match parse_head(input)? {
                Some((head, size)) => {
                    input.advance(size);
                    *self.head.insert(head)
                }
                None => return Ok(None),
            },
        };
        let body = match head.framing {
            Framing::Length(length) if input.len() < length => {
                input.reserve(length - input.len());
                return Ok(None);
            }
            Framing::Length(length) => input.split_to(length),
            Framing::Chunked if self.take_chunks(input)? => std::mem::take(&mut self.chunks),
            Framing::Chunked => return Ok(None),
        };
        self.head = None;
        Ok(Some((head, body)))
    }

    /// True once the last chunk has been taken.
    fn take_chunks(&mut self, input: &mut BytesMut) -> io::Result<bool> {
        loop {
            let (line, size) = match httparse::parse_chunk_size(input) {
                Ok(httparse::Status::Complete(found)) => found,
                Ok(httparse::Status::Partial) => return Ok(false),
                Err(_) => return Err(invalid("a chunk without a size")),
            };
            let size = usize::try_from(size).map_err(|_| invalid("a chunk too long"))?;
            // Trailers are not expected: an empty line follows the last chunk at once.
            let whole = line.saturating_add(size).saturating_add(2);
            if input.len() < whole {
                return Ok(false);
            }
            if &input[line + size..whole] != b"\r\n" {
                return Err(invalid("a chunk does not end where it says"));
            }
            self.chunks.extend_from_slice(&input[line..line + size]);
            input.advance(whole);
            if size == 0 {
                return Ok(true);
            }
        }
    }
}

fn parse_head(input: &[u8]) -> io::Result<Option<(Head, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let size = match response.parse(input) {
        Ok(httparse::Status::Complete(size)) => size,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(invalid("not the head of a response")),
    };
    if response.version != Some(1) {
        return Err(invalid("not HTTP/1.1"));
    }
    let status = response.code.ok_or_else(|| invalid("no status"))?;
    let mut framing = matches!(status, 204 | 304).then_some(Framing::Length(0));
    let (mut gzip, mut close) = (false, false);
    for header in response.headers.iter() {
        let value = header.value.trim_ascii();
        if header.name.eq_ignore_ascii_case("content-length") {
            let length = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            framing = Some(Framing::Length(length.ok_or_else(|| invalid("a wrong Content-Length"))?));
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            framing = Some(Framing::Chunked);
        } else if header.name.eq_ignore_ascii_case("content-encoding") {
            gzip = value.eq_ignore_ascii_case(b"gzip");
        } else if header.name.eq_ignore_ascii_case("connection") {
            close = value.eq_ignore_ascii_case(b"close");
        }
    }
    let framing = framing.ok_or_else(|| invalid("neither a length nor chunks"))?;
    Ok(Some((Head { status, gzip, close, framing }, size)))
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::Parser;

    fn parse(bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
        let (mut parser, mut input) = (Parser::default(), BytesMut::from(bytes));
        std::iter::from_fn(|| parser.take(&mut input).unwrap())
            .map(|(head, body)| (head.status, body.to_vec()))
            .collect()
    }

    #[test]
    fn responses_follow_one_another() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 404 No\r\n\
            Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\nHTTP/1.1 204 None\r\n\r\n";
        assert_eq!(parse(bytes), [(200, b"ok".to_vec()), (404, b"abcd".to_vec()), (204, b"".to_vec())]);
    }

    #[test]
    fn a_response_is_complete_or_not() {
        for whole in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ] {
            for end in 0..whole.len() {
                assert!(parse(&whole[..end]).is_empty(), "{end} bytes");
                let (mut parser, mut input) = (Parser::default(), BytesMut::from(&whole[..end]));
                assert!(parser.take(&mut input).unwrap().is_none());
                input.extend_from_slice(&whole[end..]);
                assert_eq!(&parser.take(&mut input).unwrap().unwrap().1[..], b"ok", "{end} bytes first");
            }
        }
    }

    #[test]
    fn heads_are_read() {
        let mut input = BytesMut::from(
            &b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"[..],
        );
        let (head, _) = Parser::default().take(&mut input).unwrap().unwrap();
        assert!(head.gzip && head.close);
    }

    #[test]
    fn what_is_not_such_a_response_is_an_error() {
        for bytes in [
            &b"HTTP/1.1 200 OK\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n",
            b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
        ] {
            assert!(Parser::default().take(&mut BytesMut::from(bytes)).is_err(), "{bytes:?}");
        }
    }
}
