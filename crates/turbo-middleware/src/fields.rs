//! Header fields in order, changed the way Starlette's `MutableHeaders` changes them.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// A list of header fields: an [`http::HeaderMap`], or the pairs as they will be sent.
pub trait Fields {
    /// The first value under `name`.
    fn first(&self, name: &HeaderName) -> Option<&HeaderValue>;

    /// Every value under `name`, in order.
    fn all<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a HeaderValue>;

    /// Whether one of the names is such.
    fn any(&self, such: impl Fn(&HeaderName) -> bool) -> bool;

    /// Adds a field whose name is not there.
    fn add(&mut self, name: HeaderName, value: HeaderValue);

    /// Gives `name` this one value: in place of the first it has, without the others, or at the end
    /// (`starlette/datastructures.py`, `MutableHeaders.__setitem__`).
    fn set(&mut self, name: HeaderName, value: HeaderValue);

    /// Gives `name` one value, made of those it has and `token`.
    fn merge(&mut self, name: HeaderName, token: &'static str);
}

impl Fields for HeaderMap {
    fn first(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.get(name)
    }

    fn all<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a HeaderValue> {
        self.get_all(name).into_iter()
    }

    fn any(&self, such: impl Fn(&HeaderName) -> bool) -> bool {
        self.keys().any(such)
    }

    fn add(&mut self, name: HeaderName, value: HeaderValue) {
        self.append(name, value);
    }

    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.insert(name, value);
    }

    fn merge(&mut self, name: HeaderName, token: &'static str) {
        let value = joined(self.get_all(&name).into_iter(), token);
        self.insert(name, value);
    }
}

impl Fields for Vec<(HeaderName, HeaderValue)> {
    fn first(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.iter().find(|pair| pair.0 == *name).map(|pair| &pair.1)
    }

    fn all<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a HeaderValue> {
        self.iter().filter(move |pair| pair.0 == *name).map(|pair| &pair.1)
    }

    fn any(&self, such: impl Fn(&HeaderName) -> bool) -> bool {
        self.iter().any(|(name, _)| such(name))
    }

    fn add(&mut self, name: HeaderName, value: HeaderValue) {
        self.push((name, value));
    }

    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        match self.iter().position(|pair| pair.0 == name) {
            Some(first) => replace(self, first, &name, value),
            None => self.push((name, value)),
        }
    }

    fn merge(&mut self, name: HeaderName, token: &'static str) {
        match self.iter().position(|pair| pair.0 == name) {
            Some(first) => {
                let value = joined(self.all(&name), token);
                replace(self, first, &name, value);
            }
            None => self.push((name, HeaderValue::from_static(token))),
        }
    }
}

/// Puts `value` in the place of the `first` field of a name, and takes the others away.
fn replace(fields: &mut Vec<(HeaderName, HeaderValue)>, first: usize, name: &HeaderName, value: HeaderValue) {
    let mut index = 0;
    fields.retain(|pair| {
        let kept = index <= first || pair.0 != *name;
        index += 1;
        kept
    });
    fields[first].1 = value;
}

/// Adds `token` to `vary`, which becomes one field (`MutableHeaders.add_vary_header`).
pub(crate) fn add_vary(fields: &mut impl Fields, token: &'static str) {
    fields.merge(header::VARY, token);
}

/// `values` and `token`, with commas between.
fn joined<'a>(values: impl Iterator<Item = &'a HeaderValue>, token: &'static str) -> HeaderValue {
    let mut joined = Vec::new();
    for value in values {
        joined.extend_from_slice(value.as_bytes());
        joined.extend_from_slice(b", ");
    }
    joined.extend_from_slice(token.as_bytes());
    // Values joined by a comma and a space are a value.
    HeaderValue::from_maybe_shared(bytes::Bytes::from(joined))
        .unwrap_or_else(|_| HeaderValue::from_static(token))
}

/// The bytes of a field as ISO-8859-1, the way Starlette turns them into text.
pub(crate) fn latin1(value: &HeaderValue) -> std::borrow::Cow<'_, str> {
    let bytes = value.as_bytes();
    match std::str::from_utf8(bytes) {
        Ok(text) if bytes.is_ascii() => text.into(),
        _ => bytes.iter().copied().map(char::from).collect::<String>().into(),
    }
}

/// Python's `str.strip()`, which also removes the four ASCII separators U+001C to U+001F.
pub(crate) fn strip(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&'static str, &'static str)]) -> Vec<(HeaderName, HeaderValue)> {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_value_takes_the_place_of_all_before_it() {
        for (before, after) in [
            (&[][..], &[("vary", "new")][..]),
            (&[("a", "1")], &[("a", "1"), ("vary", "new")]),
            (&[("vary", "x"), ("a", "1"), ("vary", "y")], &[("vary", "new"), ("a", "1")]),
            (
                &[("a", "1"), ("vary", "x"), ("b", "2"), ("vary", "y"), ("c", "3")],
                &[("a", "1"), ("vary", "new"), ("b", "2"), ("c", "3")],
            ),
        ] {
            let mut list = pairs(before);
            let mut map: HeaderMap = HeaderMap::new();
            list.iter().cloned().for_each(|(name, value)| {
                map.append(name, value);
            });
            list.set(header::VARY, HeaderValue::from_static("new"));
            map.set(header::VARY, HeaderValue::from_static("new"));
            assert_eq!(list, pairs(after));
            let map: Vec<_> = map.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            assert_eq!(map, pairs(after));
        }
    }

    #[test]
    fn vary_is_merged_where_it_was() {
        let mut fields = pairs(&[("vary", "Cookie"), ("a", "1"), ("vary", "Accept")]);
        add_vary(&mut fields, "Origin");
        assert_eq!(fields, pairs(&[("vary", "Cookie, Accept, Origin"), ("a", "1")]));
    }
}
