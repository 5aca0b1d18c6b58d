//! The order in which the fields of a header section came.
//!
//! `http::HeaderMap` keeps the order of names and, within a name, of values; a name that came again behind another
//! one is moved to its first place. That changes nothing in meaning (RFC 9110 section 5.3), but a gateway interface
//! may promise its users the list as it was received.

use http::{HeaderMap, HeaderName, HeaderValue};

/// More fields than hyper accepts.
const MOST_FIELDS: usize = 128;

/// The fields of `headers` as they stand in `received`, the bytes that hold one or more header sections.
///
/// Found by comparison: a section counts only if it has exactly the fields of `headers`.
pub(crate) fn find(received: &[u8], headers: &HeaderMap) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let mut rest = received;
    loop {
        let mut space = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut request = httparse::Request::new(&mut space);
        let Ok(httparse::Status::Complete(length)) = request.parse(rest) else { return None };
        if let Some(fields) = matching(request.headers, headers) {
            return Some(fields);
        }
        rest = rest.get(length..)?;
    }
}

fn matching(section: &[httparse::Header<'_>], headers: &HeaderMap) -> Option<Vec<(HeaderName, HeaderValue)>> {
    if section.len() != headers.len() {
        return None;
    }
    let mut grouped = HeaderMap::with_capacity(section.len());
    let mut fields = Vec::with_capacity(section.len());
    for field in section {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        let value = HeaderValue::from_bytes(field.value).ok()?;
        grouped.try_append(name.clone(), value.clone()).ok()?;
        fields.push((name, value));
    }
    (grouped == *headers).then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn found(received: &str, headers: &HeaderMap) -> Option<Vec<String>> {
        let fields = find(received.as_bytes(), headers)?;
        Some(fields.iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap())).collect())
    }

    #[test]
    fn names_that_come_again_keep_their_places() {
        let headers = map(&[("a", "1"), ("b", "2"), ("a", "3")]);
        let received = "GET / HTTP/1.1\r\nA: 1\r\nb: 2\r\na: 3\r\n\r\nbody";
        assert_eq!(found(received, &headers).unwrap(), ["a=1", "b=2", "a=3"]);
    }

    #[test]
    fn the_right_one_of_several_sections_is_taken() {
        let headers = map(&[("a", "1"), ("b", "2"), ("a", "3")]);
        let received =
            "GET / HTTP/1.1\r\na: 9\r\nb: 2\r\na: 3\r\n\r\nGET / HTTP/1.1\r\na: 1\r\nb: 2\r\na: 3\r\n\r\n";
        assert_eq!(found(received, &headers).unwrap(), ["a=1", "b=2", "a=3"]);
    }

    #[test]
    fn what_is_not_the_same_section_is_not_taken() {
        let headers = map(&[("a", "1"), ("b", "2"), ("a", "3")]);
        for received in [
            "",
            "GET / HTTP/1.1\r\na: 1\r\nb: 2\r\n",
            "GET / HTTP/1.1\r\na: 3\r\nb: 2\r\na: 1\r\n\r\n",
            "GET / HTTP/1.1\r\na: 1\r\nb: 2\r\na: 3\r\nc: 4\r\n\r\n",
            "not a request\r\n\r\nGET / HTTP/1.1\r\na: 1\r\nb: 2\r\na: 3\r\n\r\n",
        ] {
            assert_eq!(found(received, &headers), None, "{received:?}");
        }
    }
}
