//! The router against a naive one: every template as Starlette's regular expression, tried in order.

#![allow(clippy::unwrap_used, reason = "a test panics when it fails")]

use std::sync::LazyLock;

use http::Method;
use proptest::prelude::*;
use regex::Regex;
use turbo_router::{Methods, Outcome, Router};

const METHODS: [Method; 3] = [Method::GET, Method::PUT, Method::HEAD];

/// The result in a form both can give: full or partial, the route's number, the values.
type Answer = Option<(bool, usize, Vec<String>)>;

/// What `starlette.routing.compile_path` makes of a template built of [`pieces`].
fn expression(template: &str) -> Regex {
    static PARAM: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\{[a-z]\d*(?::(\w+))?\}").unwrap());
    let mut pattern = String::from(r"\A");
    let mut at = 0;
    for found in PARAM.captures_iter(template) {
        let whole = found.get(0).unwrap();
        pattern += &regex::escape(&template[at..whole.start()]);
        pattern += match found.get(1).map_or("str", |name| name.as_str()) {
            "path" => "(.*)",
            "int" => "([0-9]+)",
            "float" => r"([0-9]+(?:\.[0-9]+)?)",
            "uuid" => "([0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12})",
            _ => "([^/]+)",
        };
        at = whole.end();
    }
    pattern += &regex::escape(&template[at..]);
    // Python's `$` also matches before a last line feed.
    Regex::new(&(pattern + r"\n?\z")).unwrap()
}

fn linear(routes: &[(usize, Regex)], method: usize, path: &str) -> Answer {
    let mut partial = None;
    for (number, (served, expression)) in routes.iter().enumerate() {
        if let Some(found) = expression.captures(path) {
            let values = found.iter().skip(1).flatten().map(|value| value.as_str().to_owned()).collect();
            if *served == method {
                return Some((true, number, values));
            }
            partial.get_or_insert((false, number, values));
        }
    }
    partial
}

fn routed(router: &Router<usize>, method: usize, path: &str) -> Answer {
    let (full, found) = match router.at(&METHODS[method], path) {
        Outcome::Full(found) => (true, found),
        Outcome::Partial(found) => (false, found),
        Outcome::None => return None,
    };
    Some((full, *found.value, found.params.iter().map(|(_, _, value)| value.to_owned()).collect()))
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
        "{}",
        "{p}",
        "{p}",
        "{p:int}",
        "{p:float}",
        "{p:path}",
        "{p:uuid}",
    ];
    let segment = &["", "a", "1", "{p}", "{p}", "{p:int}", "{p:path}", "{p}1"];
    assembled(any, segment).prop_map(|text| {
        // Parameter names have to differ.
        let mut numbers = 0..;
        let named = |piece: &str| format!("{}{{p{}", piece, numbers.next().unwrap_or(0));
        let mut pieces: Vec<_> = text.split("{p").map(str::to_owned).collect();
        let last = pieces.pop().unwrap_or_default();
        pieces.iter().map(String::as_str).map(named).collect::<String>() + &last
    })
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
        "\u{e9}",
        "\n",
        "0123456789abcdef0123456789ABCDEF",
    ];
    assembled(any, &["", "a", "1", "11", "b", "a\n"])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn router_equals_the_linear_matcher(
        templates in prop::collection::vec((0..METHODS.len(), template()), 1..10),
        paths in prop::collection::vec((0..METHODS.len(), path()), 1..20),
    ) {
        let mut router = Router::new();
        for (number, (method, template)) in templates.iter().enumerate() {
            router.insert(Methods::only([METHODS[*method].clone()]), template, number).unwrap();
        }
        let routes: Vec<_> = templates.iter().map(|(method, text)| (*method, expression(text))).collect();
        for (method, path) in &paths {
            let (got, want) = (routed(&router, *method, path), linear(&routes, *method, path));
            prop_assert_eq!(got, want, "path {:?} in {:?}", path, templates);
        }
    }
}
