//! Queries, cookies and media types against a transcription of what Python does with them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use turbo_http::syntax::cookie::{self, Found};
use turbo_http::syntax::{media_type, query};

#[path = "../../tests/naive_syntax/mod.rs"]
mod naive;

fuzz_target!(|input: (&str, &[u8])| {
    let (name, bytes) = input;
    let _ = media_type::is_json(bytes);
    let expected: Vec<Vec<u8>> = naive::parse_qsl(bytes)
        .into_iter()
        .filter_map(|(key, value)| (key == name.as_bytes()).then_some(value))
        .collect();
    let decoded = |value: &[u8]| query::decode(value).map(|text| text.into_owned().into_bytes());
    let utf8 = |value: &Vec<u8>| std::str::from_utf8(value).is_ok().then(|| value.clone());
    assert_eq!(
        query::each(bytes, name).map(decoded).collect::<Vec<_>>(),
        expected.iter().map(utf8).collect::<Vec<_>>()
    );
    assert_eq!(query::last(bytes, name).map(decoded), expected.last().map(utf8));

    let field = std::str::from_utf8(bytes).ok().filter(|field| field.is_ascii());
    match (cookie::last(bytes, name), field) {
        (found, None) => assert_eq!(found, Found::NotPlain),
        (Found::Absent, Some(field)) => assert_eq!(naive::cookie_parser(field, name), None),
        (Found::Value(value), Some(field)) => {
            let quoted = format!("\"{value}\"");
            assert!([Some(value), Some(quoted.as_str())].contains(&naive::cookie_parser(field, name)));
        }
        (_, Some(field)) => {
            assert!(naive::cookie_parser(field, name).is_some_and(|value| value.contains('\\')));
        }
    }
});
