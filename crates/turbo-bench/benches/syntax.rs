//! Parts of a request head that a plan reads: queries, cookies, media types; and all of it for one request.
#![allow(clippy::unwrap_used, reason = "a benchmark stops when it is wrong")]

mod suite;

use std::hint::black_box;

use http::Method;
use suite::Suite;
use turbo_bench::service_routes;
use turbo_http::syntax::{cookie, media_type, query};
use turbo_router::{Outcome, Router};

/// Name of a case, query, name that is looked for, decoded value.
const QUERIES: [(&str, &str, &str, Option<&str>); 5] = [
    ("one", "q=plan", "q", Some("plan")),
    ("last-of-three", "skip=20&limit=10&q=plan", "q", Some("plan")),
    ("first-of-ten", "q=a&b=1&c=2&d=3&e=4&f=5&g=6&h=7&i=8&j=9", "q", Some("a")),
    ("absent", "skip=20&limit=10&sort=name", "q", None),
    ("encoded", "q=caf%C3%A9+au+lait%21&lang=fr", "q", Some("café au lait!")),
];

fn queries(suite: &mut Suite) {
    let mut group = suite.group("query");
    for (case, text, name, want) in QUERIES {
        group.case(case, || {
            let text = black_box(text).as_bytes();
            assert!(query::is_plain(text));
            let value = query::last(text, name).map(|value| query::decode(value).unwrap());
            assert_eq!(value.as_deref(), want);
        });
        group.rival(&format!("{case}/form_urlencoded"), None, || {
            let mut pairs = form_urlencoded::parse(black_box(text).as_bytes());
            // An iterator over pairs from the front: the last one called `name` is found at its end.
            let value = pairs.by_ref().filter(|(key, _)| key == name).last();
            assert_eq!(value.as_ref().map(|(_, value)| value.as_ref()), want);
        });
    }
    let all = "tag=a&tag=b&skip=1&tag=c%20d";
    group.case("each", || {
        let values: Vec<_> = query::each(black_box(all).as_bytes(), "tag").map(query::decode).collect();
        assert_eq!(values.len(), 3);
        assert_eq!(values[2].as_deref(), Some("c d"));
    });
    let long = "%E2%82%AC".repeat(256);
    let decoded = "€".repeat(256);
    group.case("decode-2KB", || assert_eq!(query::decode(black_box(long.as_bytes())).unwrap(), decoded));
    group.rival("decode-2KB/percent-encoding", None, || {
        let text = percent_encoding::percent_decode(black_box(long.as_bytes()));
        assert_eq!(text.decode_utf8().unwrap(), decoded);
    });
}

fn cookies(suite: &mut Suite) {
    let field = "session=0123456789abcdef0123456789abcdef; theme=dark; consent=\"yes\"";
    let cases = [
        ("first-of-three", "session", cookie::Found::Value("0123456789abcdef0123456789abcdef")),
        ("quoted", "consent", cookie::Found::Value("yes")),
        ("absent", "csrf", cookie::Found::Absent),
    ];
    let mut group = suite.group("cookie");
    for (case, name, want) in cases {
        group.case(case, || assert_eq!(cookie::last(black_box(field).as_bytes(), name), want));
    }
}

fn media_types(suite: &mut Suite) {
    let cases = [
        ("plain", "application/json", true),
        ("charset", "application/json; charset=utf-8", true),
        ("suffix", "application/vnd.api+json", true),
        ("form", "application/x-www-form-urlencoded", false),
    ];
    let mut group = suite.group("media-type");
    for (case, value, want) in cases {
        group.case(case, || assert_eq!(media_type::is_json(black_box(value).as_bytes()), Some(want)));
    }
}

/// From a path and a query to typed values, as a plan for `/resource/{id}/parts/{part}?skip&limit&q` would.
fn extraction(suite: &mut Suite) {
    let router = service_routes(300).unwrap();
    let path = "/api/v1/resource42/12345/parts/left";
    let text = "skip=20&limit=10&q=caf%C3%A9";
    let mut group = suite.group("extract");
    group.case("path", || {
        let (number, id, part) = parameters(&router, black_box(path)).unwrap();
        assert_eq!((number, id, part), (128, 12345, "left"));
    });
    group.case("path-and-query", || {
        let (number, id, part) = parameters(&router, black_box(path)).unwrap();
        assert_eq!((number, id, part), (128, 12345, "left"));
        let text = black_box(text).as_bytes();
        assert!(query::is_plain(text));
        assert_eq!((integer(text, "skip"), integer(text, "limit")), (Some(20), Some(10)));
        let value = query::last(text, "q").and_then(query::decode);
        assert_eq!(value.as_deref(), Some("café"));
    });
}

fn parameters<'p>(router: &Router<usize>, path: &'p str) -> Option<(usize, u64, &'p str)> {
    let Outcome::Full(found) = router.at(&Method::GET, path) else { return None };
    let id = found.params.get_index(0)?.parse().ok()?;
    Some((*found.value, id, found.params.get_index(1)?))
}

fn integer(text: &[u8], name: &str) -> Option<i64> {
    query::decode(query::last(text, name)?)?.parse().ok()
}

fn main() {
    suite::run(&[queries, cookies, media_types, extraction]);
}
