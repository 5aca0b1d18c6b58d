//! One element of `X-Forwarded-For`: a host with an optional port.

/// Splits a hop, already free of surrounding white space, into host and port.
///
/// What is not one of the known forms is returned whole with port 0, so that a malformed hop can never be
/// taken for a trusted address.
pub(super) fn parse(hop: &str) -> (&str, i64) {
    if let Some(rest) = hop.strip_prefix('[') {
        return match rest.split_once(']') {
            Some((host, "")) => (host, 0),
            Some((host, after)) => match after.strip_prefix(':') {
                Some(port) => (host, integer(port).unwrap_or(0)),
                None => (hop, 0),
            },
            None => (hop, 0),
        };
    }
    // Two colons or more are a bare IPv6 address.
    match hop.split_once(':') {
        Some((host, port)) if !port.contains(':') => match integer(port) {
            Some(port) => (host, port),
            None => (hop, 0),
        },
        _ => (hop, 0),
    }
}

/// Python's `int(text)`: white space around, a sign, and single underscores between digits are allowed.
fn integer(text: &str) -> Option<i64> {
    let text = super::trim(text);
    let (negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    let mut value: i64 = 0;
    let mut after_digit = false;
    for &byte in digits {
        match byte {
            b'0'..=b'9' => {
                value = value.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?;
                after_digit = true;
            }
            b'_' if after_digit => after_digit = false,
            _ => return None,
        }
    }
    after_digit.then_some(if negative { -value } else { value })
}
