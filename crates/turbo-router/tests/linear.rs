//! The router against the naive matcher, on tables and paths made to meet.

#![allow(clippy::unwrap_used, reason = "a test panics when it fails")]

mod naive;

use http::Method;
use naive::Both;
use proptest::prelude::*;

fn method() -> impl Strategy<Value = Method> {
    let purge = Method::from_bytes(b"PURGE").unwrap();
    prop::sample::select(vec![Method::GET, Method::PUT, Method::HEAD, purge])
}

/// Templates and paths are built of pieces from alphabets small enough that they meet: any pieces in any order,
/// or one piece a segment, which meets more often.
fn assembled(
    any: &'static [&'static str],
    segment: &'static [&'static str],
) -> impl Strategy<Value = String> {
    let any = prop::collection::vec(prop::sample::select(any), 0..8).prop_map(|pieces| pieces.concat());
    let segments =
        prop::collection::vec(prop::sample::select(segment), 1..4).prop_map(|pieces| pieces.join("/"));
    prop_oneof![any, segments].prop_map(|text| format!("/{text}"))
}

fn template() -> impl Strategy<Value = String> {
    let any = &[
        "/",
        "/",
        "/",
        "a",
        "b",
        "1",
        ".",
        "-",
        "\u{e9}",
        "\n",
        "{}",
        "{",
        "{p}",
        "{p}",
        "{p:int}",
        "{p:float}",
        "{p:path}",
        "{p:uuid}",
        "{p:date}",
        "{same}",
    ];
    let segment = &["", "a", "1", "{p}", "{p}", "{p:int}", "{p:path}", "{p}1", "a\n"];
    let assembled = assembled(any, segment).prop_map(|text| {
        // Parameter names have to differ.
        let mut numbers = 0..;
        let named = |piece: &str| format!("{}{{p{}", piece, numbers.next().unwrap_or(0));
        let mut pieces: Vec<_> = text.split("{p").map(str::to_owned).collect();
        let last = pieces.pop().unwrap_or_default();
        pieces.iter().map(String::as_str).map(named).collect::<String>() + &last
    });
    prop_oneof![30 => assembled, 1 => Just(String::new()), 1 => ".*"]
}

fn path() -> impl Strategy<Value = String> {
    let any = &[
        "/",
        "/",
        "/",
        "a",
        "b",
        "1",
        "12",
        ".",
        "-",
        "{}",
        "{",
        "\u{e9}",
        "\n",
        "0123456789abcdef0123456789ABCDEF",
    ];
    let assembled = assembled(any, &["", "a", "1", "11", "b", "a\n"]);
    prop_oneof![30 => assembled, 1 => Just(String::new()), 1 => ".*"]
}

/// Paths long enough that backtracking is given up.
fn long_path() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(&["a", "1", "1.", "a-", "\u{e9}", "a/", "\n"][..]);
    prop::collection::vec((piece, 1_usize..80), 1..5).prop_map(|runs| {
        runs.iter().fold("/".to_owned(), |path, (piece, times)| path + &piece.repeat(*times))
    })
}

fn compare(routes: &[(Vec<Method>, String)], paths: &[(Method, String)]) -> Result<(), TestCaseError> {
    let both = Both::new(routes);
    for (method, path) in paths {
        let (got, want) = both.answers(method, path);
        prop_assert_eq!(got, want, "{} {:?} in {:?}", method, path, routes);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn router_equals_the_naive_matcher(
        routes in prop::collection::vec((prop::collection::vec(method(), 0..3), template()), 1..12),
        paths in prop::collection::vec((method(), path()), 1..20),
    ) {
        compare(&routes, &paths)?;
    }

    #[test]
    fn long_paths_are_no_exception(
        routes in prop::collection::vec((prop::collection::vec(method(), 0..3), template()), 1..6),
        paths in prop::collection::vec((method(), long_path()), 1..4),
    ) {
        compare(&routes, &paths)?;
    }
}

/// Templates of many parameters in a segment, where a long path has very many ways to be cut.
#[test]
fn ambiguous_templates_have_the_values_of_the_regular_expression() {
    let templates = [
        "/{a}{b}{c}x",
        "/{a}-{b}-{c}",
        "/{a:path}/{b:path}/{c:path}/x",
        "/{a:int}{b:float}{c:int}.1",
        "/{a}{b:int}{c:path}{d}",
        "/{a:path}{b}\n",
    ];
    let routes: Vec<_> = templates.map(|template| (vec![], template.to_owned())).into();
    for template in routes {
        let both = Both::new(std::slice::from_ref(&template));
        for unit in ["a", "1", "1.1", "a-", "/", "a/", "\u{e9}", "x", "1x/"] {
            for end in ["", "x", "/x", ".1", "\n", "x\n", "/"] {
                for times in [1, 2, 7, 40, 300] {
                    let path = format!("/{}{end}", unit.repeat(times));
                    let (got, want) = both.answers(&Method::GET, &path);
                    assert_eq!(got, want, "{path:?} in {template:?}");
                }
            }
        }
    }
}

/// Backtracking would not come to an end in the lifetime of the machine.
#[test]
fn hostile_paths_come_to_an_end() {
    let params = ["{a}", "{b}", "{c}", "{d}", "{e}", "{f}", "{g}", "{h}"].concat();
    let paths = params.replace('}', ":path}/");
    let both = Both::new(&[(vec![], format!("/{params}!")), (vec![], format!("/{paths}!"))]);
    for unit in ["a", "a/", "/", "\u{e9}"] {
        let (got, want) = both.answers(&Method::GET, &format!("/{}", unit.repeat(20_000)));
        assert_eq!(got, want);
    }
}
