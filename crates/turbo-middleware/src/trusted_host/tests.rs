use http::Request;

use super::{InvalidPattern, Policy};
use crate::{Before, RequestHead};

fn outcome(policy: &Policy, host: Option<&str>, target: &str) -> String {
    let mut request = Request::builder().uri(target);
    if let Some(host) = host {
        request = request.header("host", host);
    }
    let request = request.body(()).expect("a request");
    match policy.before(RequestHead::of(&request)) {
        Before::Pass => "pass".to_owned(),
        Before::InDoubt => "doubt".to_owned(),
        Before::Answer(answer) => {
            let location = answer.headers.iter().find(|(name, _)| name == "location");
            let location = location.map(|(_, value)| value.to_str().expect("text").to_owned());
            location.unwrap_or_else(|| String::from_utf8_lossy(&answer.body).into_owned())
        }
    }
}

#[test]
fn hosts_are_matched_as_starlette_does() {
    let policy = Policy::new(["Example.org", "*.example.org", "www.other.org"]).expect("patterns");
    let refused = "Invalid host header";
    for (host, target, expected) in [
        (Some("example.org"), "/", "pass"),
        (Some("EXAMPLE.org:8000"), "/", "pass"),
        (Some("a.example.org"), "/", "pass"),
        (Some(".example.org"), "/", "pass"),
        (Some("aexample.org"), "/", refused),
        (Some("evil.example"), "/", refused),
        (Some("example.org:x"), "/", refused),
        (Some("example.org/x"), "/", refused),
        (None, "/", refused),
        (Some("[::1]"), "/", "doubt"),
        (Some("Other.org:81"), "/a/b?c=%20d", "http://www.Other.org:81/a/b?c=%20d"),
        (Some("other.org"), "/a?", "http://www.other.org/a"),
        (Some("other.org"), "/%41", "doubt"),
        (Some("other.org:99999"), "/", "doubt"),
        (Some("other.org"), "http://other.org/", "doubt"),
    ] {
        assert_eq!(outcome(&policy, host, target), expected, "{host:?} {target}");
    }
    let policy = policy.www_redirect(false);
    assert_eq!(outcome(&policy, Some("other.org"), "/"), refused);
    assert_eq!(outcome(&Policy::new(["*"]).expect("a pattern"), None, "/"), "pass");
}

#[test]
fn patterns_are_checked() {
    for (pattern, valid) in [
        ("*", true),
        ("*.a.b", true),
        ("a.b", true),
        ("*a", false),
        ("a*", false),
        ("*.a.*", false),
        ("**", false),
    ] {
        let made = Policy::new([pattern]);
        assert_eq!(made.is_ok(), valid, "{pattern}");
        if !valid {
            assert_eq!(made.err(), Some(InvalidPattern(pattern.to_owned())));
        }
    }
}

#[test]
fn without_a_doubt_literals_and_urls_are_taken_as_they_are() {
    let policy = Policy::new(["[::1]", "www.other.org"]).expect("patterns");
    for (host, target, expected) in [
        ("[::1]:80", "/", None),
        ("[::2]", "/", Some("Invalid host header")),
        ("[:::]", "/", Some("Invalid host header")),
        ("other.org", "/%41?b=[c]", Some("http://www.other.org/%41?b=[c]")),
    ] {
        let request = Request::builder().uri(target).header("host", host).body(()).expect("a request");
        let answer = policy.answer(RequestHead::of(&request)).map(|answer| {
            let location = answer.headers.iter().find(|(name, _)| name == "location");
            let location = location.map(|(_, value)| value.to_str().expect("text").to_owned());
            location.unwrap_or_else(|| String::from_utf8_lossy(&answer.body).into_owned())
        });
        assert_eq!(answer.as_deref(), expected, "{host} {target}");
    }
}
