//! Looks at the raw header section for framing that two readers could understand differently.
//!
//! hyper accepts a request with both `Content-Length` and `Transfer-Encoding`: it obeys the latter and drops the
//! former, as RFC 9112 section 6.3 permits, so the service cannot see that there were two. Refusing is safer
//! (a proxy in front may have believed the other one) and is what the parsers of uvicorn do. They also refuse lines
//! that end in a line feed alone, which hyper takes.
//!
//! A header section that arrives in one packet behind another request, or behind a body that was given up, is only
//! checked by hyper.

use std::cell::RefCell;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::field_order;

/// The bytes a worker read last, while they can be a whole header section.
///
/// Almost every header section comes in one read and is parsed at once, so a copy in a buffer that all
/// connections of a thread share is enough to look at it again in the rare case that its framing asks for that.
#[derive(Debug, Default)]
pub(crate) struct LastRead(RefCell<Read>);

#[derive(Debug, Default)]
struct Read {
    connection: u64,
    bytes: Vec<u8>,
}

impl LastRead {
    /// Most bytes that are kept: few header sections are larger.
    pub(crate) const LIMIT: usize = 4096;

    /// Keeps what `connection` has received.
    #[inline]
    pub(crate) fn keep(&self, connection: u64, bytes: &[u8]) {
        let mut read = self.0.borrow_mut();
        read.connection = connection;
        read.bytes.clear();
        read.bytes.extend_from_slice(bytes);
    }

    /// The fields of `headers` in the order they came, if what was kept of `connection` holds them.
    pub(crate) fn field_order(
        &self,
        connection: u64,
        headers: &HeaderMap,
    ) -> Option<Vec<(HeaderName, HeaderValue)>> {
        let read = self.0.borrow();
        if read.connection == connection { field_order::find(&read.bytes, headers) } else { None }
    }

    /// Scans what was kept, if it is still that of `connection`.
    pub(crate) fn scan(&self, connection: u64) -> HeadScan {
        let mut scan = HeadScan::default();
        let read = self.0.borrow();
        if read.connection == connection {
            scan.feed(&read.bytes);
        }
        scan
    }
}

/// Whether a line ends in a line feed alone. Looks at everything, so that the loop has no branches: in a body
/// that came along it means nothing.
#[inline]
pub(crate) fn has_bare_line_feed(bytes: &[u8]) -> bool {
    let Some(behind) = bytes.get(1..) else { return false };
    let pairs = bytes.iter().zip(behind);
    pairs.fold(0, |found, (before, byte)| found | (u8::from(*byte == b'\n') & u8::from(*before != b'\r')))
        != 0
}

/// Follows one header section over any number of reads, up to the empty line that ends it.
#[derive(Debug, Default)]
pub(crate) struct HeadScan {
    position: Position,
    /// The byte before the next one.
    last: u8,
    content_length: bool,
    transfer_encoding: bool,
    bare_line_feed: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum Position {
    /// Before the request line; empty lines are allowed there (RFC 9112 section 2.2).
    #[default]
    Before,
    /// Somewhere in a line whose start was of no interest.
    InLine,
    /// At the first byte of a line, or behind the CR of an empty one.
    LineStart,
    /// Behind this many bytes of a name that may be the one looked for.
    InName(Name, usize),
    /// Behind the empty line.
    Done,
}

#[derive(Clone, Copy, Debug)]
enum Name {
    ContentLength,
    TransferEncoding,
}

impl Name {
    const fn bytes(self) -> &'static [u8] {
        match self {
            Self::ContentLength => b"content-length:",
            Self::TransferEncoding => b"transfer-encoding:",
        }
    }
}

impl HeadScan {
    /// Whether both kinds of framing were announced.
    pub(crate) fn is_ambiguous(&self) -> bool {
        self.content_length && self.transfer_encoding
    }

    /// Whether a line ended in a line feed alone.
    pub(crate) fn has_bare_line_feed(&self) -> bool {
        self.bare_line_feed
    }

    /// Looks at the next bytes of the section.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match self.position {
                Position::Done => return,
                Position::Before if matches!(byte, b'\r' | b'\n') => at += 1,
                Position::Before => self.position = Position::InLine,
                Position::InLine => {
                    let Some(offset) = memchr::memchr(b'\n', &bytes[at..]) else { break };
                    at += offset;
                    self.end_line(bytes, at, Position::LineStart);
                    at += 1;
                }
                Position::LineStart => {
                    match byte {
                        b'c' | b'C' => self.position = Position::InName(Name::ContentLength, 1),
                        b't' | b'T' => self.position = Position::InName(Name::TransferEncoding, 1),
                        b'\r' => {}
                        b'\n' => self.end_line(bytes, at, Position::Done),
                        _ => self.position = Position::InLine,
                    }
                    at += 1;
                }
                Position::InName(name, matched) => {
                    let expected = &name.bytes()[matched..];
                    let length = expected.len().min(bytes.len() - at);
                    let found = &bytes[at..at + length];
                    if !found.eq_ignore_ascii_case(&expected[..length]) {
                        // The line feed may be among the bytes just compared.
                        self.position = Position::InLine;
                        continue;
                    }
                    at += length;
                    self.position = Position::InName(name, matched + length);
                    if length == expected.len() {
                        match name {
                            Name::ContentLength => self.content_length = true,
                            Name::TransferEncoding => self.transfer_encoding = true,
                        }
                        self.position = Position::InLine;
                    }
                }
            }
        }
        self.last = bytes.last().copied().unwrap_or(self.last);
    }

    fn end_line(&mut self, bytes: &[u8], at: usize, next: Position) {
        let before = at.checked_sub(1).map_or(self.last, |before| bytes[before]);
        self.bare_line_feed |= before != b'\r';
        self.position = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ambiguous(pieces: &[&[u8]]) -> bool {
        let mut scan = HeadScan::default();
        for piece in pieces {
            scan.feed(piece);
        }
        scan.is_ambiguous()
    }

    #[test]
    fn both_framings_are_found_in_any_order_case_and_fragmentation() {
        for head in [
            &b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"[..],
            b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nCONTENT-LENGTH: 3\r\n\r\n",
            b"POST / HTTP/1.1\nTransfer-Encoding:chunked\nContent-Length:3\n\n",
            b"\r\n\r\nPOST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n",
            b"POST / HTTP/1.1\r\nc:\r\ntransfer-encoding: chunked\r\ncontent-len:\r\ncontent-length: 1\r\n\r\n",
        ] {
            assert!(ambiguous(&[head]));
            for cut in 0..head.len() {
                assert!(ambiguous(&[&head[..cut], &head[cut..]]), "cut at {cut}");
            }
            let single: Vec<&[u8]> = head.chunks(1).collect();
            assert!(ambiguous(&single));
        }
    }

    #[test]
    fn one_framing_is_not_ambiguous() {
        for head in [
            &b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"[..],
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"POST /content-length: HTTP/1.1\r\nTransfer-Encoding: chunked\r\nx: content-length: 1\r\n\r\n",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nx-content-length: 1\r\n\r\n",
        ] {
            assert!(!ambiguous(&[head]));
        }
    }

    #[test]
    fn bare_line_feeds_are_found_up_to_the_empty_line() {
        for (head, expected) in [
            (&b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"[..], false),
            (b"GET / HTTP/1.1\r\nhost: a\r\n\r\na\nb", false),
            (b"GET / HTTP/1.1\nhost: a\r\n\r\n", true),
            (b"GET / HTTP/1.1\r\nhost: a\n\r\n", true),
            (b"GET / HTTP/1.1\r\nhost: a\r\n\n", true),
            (b"GET / HTTP/1.1\r\nconte\nhost: a\r\n\r\n", true),
        ] {
            for cut in 0..head.len() {
                let mut scan = HeadScan::default();
                scan.feed(&head[..cut]);
                scan.feed(&head[cut..]);
                assert_eq!(
                    scan.has_bare_line_feed(),
                    expected,
                    "{:?} at {cut}",
                    head.escape_ascii().to_string()
                );
            }
            assert!(has_bare_line_feed(head) >= expected);
        }
        assert!(!has_bare_line_feed(b"GET / HTTP/1.1\r\n\r\n"));
        assert!(!has_bare_line_feed(b""));
    }

    #[test]
    fn only_the_own_bytes_are_scanned() {
        let last = LastRead::default();
        last.keep(1, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n");
        assert!(last.scan(1).is_ambiguous());
        assert!(!last.scan(2).is_ambiguous());
        last.keep(1, b"GET / HTTP/1.1\r\n\r\n");
        assert!(!last.scan(1).is_ambiguous());
    }

    /// An upload of a recorded request must not look like an attack.
    #[test]
    fn the_body_is_not_looked_at() {
        let request =
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n\r\nContent-Length: 1\r\n\r\n0\r\n\r\n";
        assert!(!ambiguous(&[request]));
    }
}
