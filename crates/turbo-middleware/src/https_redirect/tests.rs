use http::Request;

use super::Policy;
use crate::forwarded::Scheme;
use crate::{Before, RequestHead};

#[test]
fn plain_urls_are_redirected_and_others_are_in_doubt() {
    for (host, target, expected) in [
        (Some("example.org"), "/", Some("https://example.org/")),
        (Some("Example.org:80"), "/a", Some("https://example.org/a")),
        (Some("Example.org:0443"), "/a", Some("https://example.org/a")),
        (Some("Example.org:8000"), "/a", Some("https://Example.org:8000/a")),
        (Some("a"), "//b?c=[d]", None),
        (Some("a"), "//b?c=%d", Some("https://a//b?c=%d")),
        (Some("a"), "/%20", None),
        (Some("a:65536"), "/", None),
        (Some("a!"), "/", None),
        (Some("[::1]"), "/", None),
        (Some("a b"), "/", None),
        (None, "/", None),
    ] {
        let mut request = Request::builder().uri(target);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let request = request.body(()).expect("a request");
        let found = match Policy.before(RequestHead::of(&request)) {
            Before::Answer(answer) => Some(answer.headers[1].1.clone()),
            other => {
                assert_eq!(other, Before::InDoubt, "{host:?} {target}");
                None
            }
        };
        assert_eq!(found.as_ref().map(|value| value.to_str().expect("text")), expected, "{host:?} {target}");
    }
}

#[test]
fn https_passes() {
    let mut request = Request::builder().uri("/").header("host", "a").body(()).expect("a request");
    request.extensions_mut().insert(Scheme("https"));
    assert_eq!(Policy.before(RequestHead::of(&request)), Before::Pass);
}

#[test]
fn without_a_doubt_every_request_has_an_answer() {
    for (host, target, expected) in [
        (Some("[::1]:8000"), "/%20?b=[c]", Some("https://[::1]:8000/%20?b=[c]")),
        (Some("a:65536"), "/", Some("https://a:65536/")),
        (Some("a b"), "/", None),
        (None, "/", None),
    ] {
        let mut request = Request::builder().uri(target);
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let request = request.body(()).expect("a request");
        let answer = Policy.answer(RequestHead::of(&request)).expect("an answer");
        let location = answer.headers.iter().find(|(name, _)| name == "location");
        assert_eq!(location.map(|(_, value)| value.to_str().expect("text")), expected, "{host:?} {target}");
        assert_eq!(answer.status.as_u16(), if expected.is_some() { 307 } else { 400 });
    }
}
