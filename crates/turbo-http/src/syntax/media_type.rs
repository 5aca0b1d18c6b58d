//! Media types: `type/subtype; parameter=value` (RFC 9110 section 8.3.1).

/// Whether the value of a `Content-Type` field names JSON: `application/json`, or `application/` anything with the
/// structured syntax suffix `+json` (RFC 6839 section 3.1), in any case and with any parameters.
///
/// `text/json` and the like are not. `None` for bytes that no field value should have: those outside ASCII and
/// control characters other than the tab.
#[must_use]
pub fn is_json(value: &[u8]) -> Option<bool> {
    if value == b"application/json" {
        return Some(true);
    }
    if value.iter().any(|byte| !matches!(byte, b' '..=b'~' | b'\t')) {
        return None;
    }
    let essence = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let Some(slash) = essence.iter().position(|byte| *byte == b'/') else { return Some(false) };
    let (kind, subtype) = (&essence[..slash], &essence[slash + 1..]);
    let suffix = subtype.len().checked_sub(b"+json".len()).map(|at| &subtype[at..]);
    Some(
        kind.eq_ignore_ascii_case(b"application")
            && !subtype.contains(&b'/')
            && (subtype.eq_ignore_ascii_case(b"json")
                || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case(b"+json"))),
    )
}
