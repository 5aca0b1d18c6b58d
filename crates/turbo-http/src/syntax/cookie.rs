//! The `Cookie` field: `name=value` pairs between semicolons (RFC 6265 section 4.2.1).
//!
//! What browsers send is wider than that grammar; the reading is that of Starlette's `cookie_parser`
//! (`starlette/requests.py`): whitespace around names and values is dropped, a pair without `=` has an empty name,
//! and the last of several pairs with one name counts.

/// What a `Cookie` field says about one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found<'f> {
    /// There is no such cookie.
    Absent,
    /// Its value, without the quotation marks that RFC 6265 section 4.1.1 allows around it.
    Value(&'f str),
    /// The field has bytes outside ASCII, or the value has escapes between quotation marks.
    NotPlain,
}

/// The last cookie called `name` in the value of one `Cookie` field.
#[must_use]
pub fn last<'f>(field: &'f [u8], name: &str) -> Found<'f> {
    if !field.is_ascii() {
        return Found::NotPlain;
    }
    let Ok(field) = std::str::from_utf8(field) else { return Found::NotPlain };
    for pair in field.rsplit(';') {
        let (key, value) = pair.split_once('=').unwrap_or(("", pair));
        if strip(key) == name {
            let value = strip(value);
            if name.is_empty() && value.is_empty() {
                continue;
            }
            return unquote(value);
        }
    }
    Found::Absent
}

/// `str.strip()` of Python, for ASCII.
fn strip(text: &str) -> &str {
    text.trim_matches(|c: char| matches!(c, '\t'..='\r' | '\x1c'..=' '))
}

fn unquote(value: &str) -> Found<'_> {
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        None => Found::Value(value),
        Some(inner) if inner.contains('\\') => Found::NotPlain,
        Some(inner) => Found::Value(inner),
    }
}
