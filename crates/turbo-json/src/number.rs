//! Number literals.

/// Appends `value` in decimal digits.
pub fn push_integer(into: &mut Vec<u8>, value: i64) {
    into.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends `value` as `float.__repr__` writes it; false, and nothing appended, for NaN and the infinities, which JSON
/// has no text for (RFC 8259 section 6).
///
/// The shortest digits that read back as the same double, with an exponent below 1e-4 and from 1e16 on
/// (`PyOS_double_to_string`, format code `r`).
pub fn push_float(into: &mut Vec<u8>, value: f64) -> bool {
    if !value.is_finite() {
        return false;
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value).as_bytes();
    let size = value.abs();
    if size == 0.0 || (1e-4..1e16).contains(&size) {
        into.extend_from_slice(text);
    } else {
        push_scientific(into, text);
    }
    true
}

/// Rewrites `text`, a finite double in either notation, with an exponent of a sign and at least two digits.
fn push_scientific(into: &mut Vec<u8>, text: &[u8]) {
    let (mantissa, written) = match text.iter().position(|&byte| byte == b'e') {
        Some(mark) => (&text[..mark], exponent(&text[mark + 1..])),
        None => (text, 0),
    };
    let unsigned = mantissa.strip_prefix(b"-").unwrap_or(mantissa);
    if unsigned.len() < mantissa.len() {
        into.push(b'-');
    }
    let point = unsigned.iter().position(|&byte| byte == b'.').unwrap_or(unsigned.len());
    let digits = unsigned.iter().copied().filter(u8::is_ascii_digit);
    let leading_zeros = digits.clone().take_while(|&digit| digit == b'0').count();
    let significant = leading_zeros + significant_digits(digits.clone().skip(leading_zeros));
    let mut kept = digits.take(significant).skip(leading_zeros);
    into.extend(kept.next());
    if significant > leading_zeros + 1 {
        into.push(b'.');
        into.extend(kept);
    }
    push_exponent(into, written + small(point) - small(leading_zeros) - 1);
}

/// How many digits remain without the zeros at the end.
fn significant_digits(digits: impl Iterator<Item = u8>) -> usize {
    digits.enumerate().filter(|&(_, digit)| digit != b'0').last().map_or(0, |(last, _)| last + 1)
}

fn push_exponent(into: &mut Vec<u8>, exponent: i32) {
    into.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
    if exponent.unsigned_abs() < 10 {
        into.push(b'0');
    }
    into.extend_from_slice(itoa::Buffer::new().format(exponent.unsigned_abs()).as_bytes());
}

/// The value of the digits behind an `e`: at most three and a sign in a double.
fn exponent(digits: &[u8]) -> i32 {
    std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

/// A position in the text of a double, which has at most 24 characters.
fn small(position: usize) -> i32 {
    i32::try_from(position).unwrap_or_default()
}
