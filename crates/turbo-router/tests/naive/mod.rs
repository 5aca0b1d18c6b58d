//! Starlette's matcher as it is written there: every template a regular expression, tried in order.
//!
//! The property test and the fuzz target in `fuzz/` compare the router with it.

#![allow(clippy::unwrap_used, reason = "a test panics when it fails")]

use std::sync::LazyLock;

use http::Method;
use regex::Regex;
use turbo_router::{Methods, Outcome, Router};

/// A result in a form both can give: full or partial, the route's number, the values.
pub(crate) type Answer = Option<(bool, usize, Vec<String>)>;

/// The routes in both forms.
pub(crate) struct Both {
    router: Router<usize>,
    naive: Vec<(Vec<Method>, Regex)>,
}

impl Both {
    /// Takes methods and templates; those that are no template are left out, if both think so.
    pub(crate) fn new(routes: &[(Vec<Method>, String)]) -> Self {
        let mut both = Self { router: Router::new(), naive: Vec::new() };
        for (methods, template) in routes {
            let inserted =
                both.router.insert(Methods::only(methods.iter().cloned()), template, both.naive.len());
            let expression = compile_path(template);
            assert_eq!(inserted.is_ok(), expression.is_some(), "{template:?}: {inserted:?}");
            both.naive.extend(expression.map(|expression| (methods.clone(), expression)));
        }
        both
    }

    /// What the router finds, and what the naive matcher finds.
    pub(crate) fn answers(&self, method: &Method, path: &str) -> (Answer, Answer) {
        (self.routed(method, path), self.linear(method, path))
    }

    fn routed(&self, method: &Method, path: &str) -> Answer {
        let (full, found) = match self.router.at(method, path) {
            Outcome::Full(found) => (true, found),
            Outcome::Partial(found) => (false, found),
            Outcome::None => return None,
        };
        Some((full, *found.value, found.params.iter().map(|(_, _, value)| value.to_owned()).collect()))
    }

    fn linear(&self, method: &Method, path: &str) -> Answer {
        let mut partial = None;
        for (number, (methods, expression)) in self.naive.iter().enumerate() {
            if let Some(found) = expression.captures(path) {
                let values = found.iter().skip(1).flatten().map(|value| value.as_str().to_owned()).collect();
                if methods.is_empty() || methods.contains(method) {
                    return Some((true, number, values));
                }
                partial.get_or_insert((false, number, values));
            }
        }
        partial
    }
}

/// `starlette.routing.compile_path`, for templates that are not the name of a host.
fn compile_path(template: &str) -> Option<Regex> {
    static PARAM: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\{([a-zA-Z_][a-zA-Z0-9_]*)(?::([a-zA-Z_][a-zA-Z0-9_]*))?\}").unwrap());
    if !template.is_empty() && !template.starts_with('/') {
        return None;
    }
    let mut pattern = String::from(r"\A");
    let mut names = Vec::new();
    let mut at = 0;
    for found in PARAM.captures_iter(template) {
        let whole = found.get(0).unwrap();
        pattern += &regex::escape(&template[at..whole.start()]);
        pattern += match found.get(2).map_or("str", |name| name.as_str()) {
            "str" => "([^/]+)",
            "path" => "(.*)",
            "int" => "([0-9]+)",
            "float" => r"([0-9]+(?:\.[0-9]+)?)",
            "uuid" => "([0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12})",
            _ => return None,
        };
        let name = found[1].to_owned();
        if names.contains(&name) {
            return None;
        }
        names.push(name);
        at = whole.end();
    }
    pattern += &regex::escape(&template[at..]);
    // Python's `$` also matches before a last line feed.
    Some(Regex::new(&(pattern + r"\n?\z")).unwrap())
}
