//! `turbo_http::syntax` against a transcription of Python, on generated input.

use proptest::prelude::*;
use turbo_http::syntax::cookie::{self, Found};
use turbo_http::syntax::media_type::is_json;
use turbo_http::syntax::query;

mod naive_syntax;

use naive_syntax::{cookie_parser, parse_qsl};

proptest! {
    #[test]
    fn query_values_are_those_of_parse_qsl(query in "[ab=&%+0-9A-Fc]{0,24}", name in "[ab +%]{1,3}") {
        let raw = query.as_bytes();
        let expected: Vec<Vec<u8>> = parse_qsl(raw)
            .into_iter()
            .filter_map(|(key, value)| (key == name.as_bytes()).then_some(value))
            .collect();
        let text = |bytes: &[u8]| query::decode(bytes).map(|text| text.into_owned().into_bytes());
        let utf8 = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).ok().map(String::into_bytes);
        prop_assert_eq!(
            query::each(raw, &name).map(text).collect::<Vec<_>>(),
            expected.iter().map(utf8).collect::<Vec<_>>()
        );
        prop_assert_eq!(query::last(raw, &name).map(text), expected.last().map(utf8));
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), name in ".{0,4}") {
        let _ = query::last(&bytes, &name).map(query::decode);
        let _ = query::each(&bytes, &name).count();
        let _ = cookie::last(&bytes, &name);
        let _ = is_json(&bytes);
    }

    #[test]
    fn cookies_are_those_of_cookie_parser(field in "[ab=; \t\x0b\x1f,]{0,20}", name in "[ab]{1,2}") {
        let expected = cookie_parser(&field, &name).map_or(Found::Absent, Found::Value);
        prop_assert_eq!(cookie::last(field.as_bytes(), &name), expected);
    }
}

#[test]
fn encoded_text_is_decoded_once() {
    assert_eq!(query::decode(b"a%20b+c%2Bd").as_deref(), Some("a b c+d"));
    assert_eq!(query::decode(b"%e2%82%ac").as_deref(), Some("\u{20ac}"));
    assert_eq!(query::decode(b"%2520%zz%").as_deref(), Some("%20%zz%"));
    assert_eq!(query::decode(b"%ff"), None);
    assert_eq!(query::last(b"q=1&%71=2&q", "q"), Some(&b""[..]));
}

#[test]
fn quoted_cookies() {
    assert_eq!(cookie::last(b"a=\"x y\"; b=1", "a"), Found::Value("x y"));
    assert_eq!(cookie::last(b"a=\"", "a"), Found::Value("\""));
    assert_eq!(cookie::last(br#"a="x\"y""#, "a"), Found::NotPlain);
    assert_eq!(cookie::last(br"a=x\y", "a"), Found::Value(r"x\y"));
    assert_eq!(cookie::last(b"a=1; a=2", "a"), Found::Value("2"));
    assert_eq!(cookie::last(b"a=\xe9", "b"), Found::NotPlain);
}

#[test]
fn json_media_types() {
    for json in [
        "application/json",
        "Application/JSON; charset=x",
        " application/vnd.api+json\t",
        "application/+json",
    ] {
        assert_eq!(is_json(json.as_bytes()), Some(true), "{json}");
    }
    for other in [
        "",
        "json",
        "text/json",
        "application/x-json",
        "application/json , x",
        "application/json/json",
        "a;/json",
    ] {
        assert_eq!(is_json(other.as_bytes()), Some(false), "{other}");
    }
    assert_eq!(is_json(b"application/json\x0b"), None);
    assert_eq!(is_json("application/jsoné".as_bytes()), None);
}
