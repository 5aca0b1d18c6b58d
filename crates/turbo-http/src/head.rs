//! Looks at the raw header section for framing that two readers could understand differently.
//!
//! hyper accepts a request with both `Content-Length` and `Transfer-Encoding`: it obeys the latter and drops the
//! former, as RFC 9112 section 6.3 permits, so the service cannot see that there were two. Refusing is safer
//! (a proxy in front may have believed the other one) and is what the parsers of uvicorn do.

use std::cell::RefCell;

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
    /// Keeps what `connection` has received.
    #[inline]
    pub(crate) fn keep(&self, connection: u64, bytes: &[u8]) {
        let mut read = self.0.borrow_mut();
        read.connection = connection;
        read.bytes.clear();
        read.bytes.extend_from_slice(bytes);
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

/// Follows one header section over any number of reads, up to the empty line that ends it.
#[derive(Debug, Default)]
pub(crate) struct HeadScan {
    state: Position,
    content_length: bool,
    transfer_encoding: bool,
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

    /// Looks at the next bytes of the section.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        loop {
            match self.state {
                Position::Done => return,
                Position::Before => {
                    let Some(start) = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')) else {
                        return;
                    };
                    bytes = &bytes[start..];
                    self.state = Position::InLine;
                }
                Position::InLine => match memchr::memchr(b'\n', bytes) {
                    Some(end) => {
                        bytes = &bytes[end + 1..];
                        self.state = Position::LineStart;
                    }
                    None => return,
                },
                Position::LineStart => {
                    let Some((&first, rest)) = bytes.split_first() else { return };
                    bytes = rest;
                    self.state = match first {
                        b'c' | b'C' => Position::InName(Name::ContentLength, 1),
                        b't' | b'T' => Position::InName(Name::TransferEncoding, 1),
                        b'\r' => Position::LineStart,
                        b'\n' => Position::Done,
                        _ => Position::InLine,
                    };
                }
                Position::InName(name, matched) => {
                    let expected = &name.bytes()[matched..];
                    let length = expected.len().min(bytes.len());
                    let (head, rest) = bytes.split_at(length);
                    if !head.eq_ignore_ascii_case(&expected[..length]) {
                        // The line feed may be among the bytes just compared.
                        self.state = Position::InLine;
                    } else if length == expected.len() {
                        match name {
                            Name::ContentLength => self.content_length = true,
                            Name::TransferEncoding => self.transfer_encoding = true,
                        }
                        bytes = rest;
                        self.state = Position::InLine;
                    } else {
                        self.state = Position::InName(name, matched + length);
                        return;
                    }
                }
            }
        }
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
