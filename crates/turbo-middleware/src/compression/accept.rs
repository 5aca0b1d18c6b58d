//! `Accept-Encoding` (RFC 9110 section 12.5.3).

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

use super::coding::Coding;

/// The coding that the client likes best, and of equals the first of `offered`. `None` means to send it plain:
/// because the client says nothing, takes none of them, or prefers that.
pub(super) fn best(headers: &HeaderMap, offered: &[Coding]) -> Option<Coding> {
    let fields = || headers.get_all(ACCEPT_ENCODING).iter().filter_map(|field| field.to_str().ok());
    let quality_of = |is_meant: &dyn Fn(&str) -> bool| {
        let named = |element: &str| {
            let (name, quality) = parse(element)?;
            is_meant(name).then_some(quality)
        };
        fields().flat_map(|field| field.split(',')).find_map(named)
    };
    let others = quality_of(&|name| name == "*");
    let mut best: Option<(u16, Coding)> = None;
    for &coding in offered {
        let quality = quality_of(&|name| coding.is_called(name)).or(others).unwrap_or(0);
        if quality > best.map_or(0, |(quality, _)| quality) {
            best = Some((quality, coding));
        }
    }
    let (quality, coding) = best?;
    let plain = quality_of(&|name| name.eq_ignore_ascii_case("identity")).unwrap_or(0);
    (quality >= plain).then_some(coding)
}

/// One element of the list: a name and its quality in thousandths. `None` for what is neither.
fn parse(element: &str) -> Option<(&str, u16)> {
    let mut parts = element.split(';').map(|part| part.trim_matches([' ', '\t']));
    let name = parts.next().filter(|name| !name.is_empty())?;
    let Some(weight) = parts.next() else { return Some((name, 1000)) };
    let value = weight.strip_prefix("q=").or_else(|| weight.strip_prefix("Q="))?;
    let quality = quality(value).filter(|_| parts.next().is_none())?;
    Some((name, quality))
}

/// `qvalue` of RFC 9110 section 12.4.2 in thousandths.
fn quality(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let padded = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    let thousandths = padded.fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(1000),
        _ => None,
    }
}
