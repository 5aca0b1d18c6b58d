//! One lookup: the last route, with and without parameters, and a path that no route serves.
//!
//! `linear` is what Starlette does: one regular expression after the other. `matchit` is the radix tree of axum;
//! it has no order of declaration, no convertors and no methods, and so shows what a lookup costs at least.
#![allow(clippy::unwrap_used, reason = "a benchmark stops when it is wrong")]

mod suite;

use std::hint::black_box;

use http::Method;
use regex::Regex;
use turbo_bench::{service_routes, service_templates};
use turbo_router::{Methods, Outcome, Router};

use suite::Suite;

/// The number of the route, and the length of its last value, so that values have to be found.
type Found = Option<(usize, usize)>;

fn routed(router: &Router<usize>, path: &str) -> Found {
    match router.at(&Method::GET, path) {
        Outcome::Full(found) => {
            let last = found.params.len().checked_sub(1).and_then(|last| found.params.get_index(last));
            Some((*found.value, last.map_or(0, str::len)))
        }
        Outcome::Partial(_) | Outcome::None => None,
    }
}

fn by_matchit(router: &matchit::Router<usize>, path: &str) -> Found {
    let found = router.at(path).ok()?;
    Some((*found.value, found.params.iter().last().map_or(0, |(_, value)| value.len())))
}

fn linear(expressions: &[Regex], path: &str) -> Found {
    expressions.iter().enumerate().find_map(|(number, expression)| {
        let found = expression.captures(path)?;
        let last = found.len() - 1;
        Some((number, if last == 0 { 0 } else { found[last].len() }))
    })
}

fn lookup(suite: &mut Suite) {
    let mut group = suite.group("router");
    for count in [10, 100, 1000] {
        let router = service_routes(count).unwrap();
        let mut tree = matchit::Router::new();
        let mut expressions = Vec::new();
        for (number, template) in service_templates(count).enumerate() {
            tree.insert(template.replace(":int", ""), number).unwrap();
            let pattern = template.replace("{id:int}", "([0-9]+)").replace("{part}", "([^/]+)");
            expressions.push(Regex::new(&format!("^{pattern}$")).unwrap());
        }
        let last = (count - 1) / 3;
        let paths = [
            ("static", format!("/api/v1/resource{last}"), Some((last * 3, 0))),
            ("int", format!("/api/v1/resource{}/12345", last - 1), Some((last * 3 - 2, 5))),
            ("two", format!("/api/v1/resource{}/12345/parts/left", last - 1), Some((last * 3 - 1, 4))),
            ("none", "/api/v1/nothing/12345".to_owned(), None),
        ];
        for (name, path, want) in paths {
            group.sized(name, count, || assert_eq!(routed(&router, black_box(&path)), want));
            group.rival(&format!("{name}/matchit"), Some(count), || {
                assert_eq!(by_matchit(&tree, black_box(&path)), want);
            });
            group.rival(&format!("{name}/linear"), Some(count), || {
                assert_eq!(linear(&expressions, black_box(&path)), want);
            });
        }
    }
}

/// Where routes overlap, or a path is made to be cut in very many ways.
fn hard(suite: &mut Suite) {
    let mut router = service_routes(1000).unwrap();
    let templates = ["/users/me", "/users/{id}", "/users/{id}", "/{tenant}/me", "/{a}-{b}/{c}{d}{e}x"];
    for (number, template) in (1000..).zip(templates) {
        router.insert(Methods::only([Method::GET]), template, number).unwrap();
    }
    router.mount("", 9999).unwrap();
    let hostile = format!("/a-b/{}", "y".repeat(4096));
    let paths = [
        ("first-of-overlapping", "/users/me", 1000, 0),
        ("second-of-overlapping", "/users/ada", 1001, 3),
        ("two-in-a-segment", "/2024-11/abcx", 1004, 1),
        ("mount", "/static/css/site.css", 9999, 19),
        ("hostile-4096-bytes", &hostile, 9999, 4100),
    ];
    let mut group = suite.group("router");
    for (name, path, number, length) in paths {
        group.case(name, || assert_eq!(routed(&router, black_box(path)), Some((number, length))));
    }
}

fn build(suite: &mut Suite) {
    suite.group("router/build").case("1000", || service_routes(black_box(1000)).unwrap());
}

fn main() {
    suite::run(&[lookup, hard, build]);
}
