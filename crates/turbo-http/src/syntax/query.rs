//! Query strings of HTML forms: `name=value` pairs between ampersands.
//!
//! RFC 3986 section 3.4 leaves the inside of a query open. The pairs, and `+` for a space, are those of
//! `application/x-www-form-urlencoded` (URL Standard section 5.1), read with the details of Python's
//! `urllib.parse.parse_qsl(keep_blank_values=True)`: only `&` separates, a pair without `=` has an empty value,
//! and a `%` without two hexadecimal digits stands for itself.

use std::borrow::Cow;

/// Whether every byte is ASCII, as RFC 3986 section 2 demands; nothing else here is meant for other queries.
#[must_use]
pub fn is_plain(query: &[u8]) -> bool {
    query.is_ascii()
}

/// The value of the last pair called `name`, still encoded.
#[must_use]
pub fn last<'q>(query: &'q [u8], name: &str) -> Option<&'q [u8]> {
    if query.is_empty() {
        return None;
    }
    query.rsplit(|byte| *byte == b'&').find_map(|pair| named(pair, name))
}

/// The values of all pairs called `name` in their order, still encoded.
pub fn each<'q>(query: &'q [u8], name: &str) -> impl Iterator<Item = &'q [u8]> {
    query.split(|byte| *byte == b'&').filter_map(move |pair| named(pair, name))
}

/// The text of an encoded name or value: `+` is a space, `%xx` a byte of UTF-8 (RFC 3986 section 2.1).
///
/// `None` if the bytes are no UTF-8.
#[must_use]
pub fn decode(encoded: &[u8]) -> Option<Cow<'_, str>> {
    if !encoded.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return std::str::from_utf8(encoded).ok().map(Cow::Borrowed);
    }
    String::from_utf8(Decoder(encoded).collect()).ok().map(Cow::Owned)
}

fn named<'q>(pair: &'q [u8], name: &str) -> Option<&'q [u8]> {
    if pair.is_empty() {
        return None;
    }
    let (key, value) = match pair.iter().position(|byte| *byte == b'=') {
        Some(at) => (&pair[..at], &pair[at + 1..]),
        None => (pair, &[][..]),
    };
    // Decoding never makes a name longer.
    (key.len() >= name.len() && Decoder(key).eq(name.bytes())).then_some(value)
}

/// The decoded bytes.
struct Decoder<'e>(&'e [u8]);

impl Iterator for Decoder<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(match first {
            b'+' => b' ',
            b'%' => match rest {
                [high, low, after @ ..] => match (digit(*high), digit(*low)) {
                    (Some(high), Some(low)) => {
                        self.0 = after;
                        high << 4 | low
                    }
                    _ => b'%',
                },
                _ => b'%',
            },
            byte => *byte,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len() / 3, Some(self.0.len()))
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}
