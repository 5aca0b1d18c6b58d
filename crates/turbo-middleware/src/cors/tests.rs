use http::{HeaderMap, HeaderName, HeaderValue, Request};

use super::{Grant, Options, Policy};
use crate::{Before, RequestHead};

fn request(method: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().method(method).uri("/any");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request")
}

/// The answer to a preflight: status, body, `name: value` lines.
fn preflight(policy: &Policy, headers: &[(&str, &str)]) -> (u16, String, Vec<String>) {
    let request = request("OPTIONS", headers);
    let Before::Answer(answer) = policy.before(RequestHead::of(&request)) else { panic!("passed on") };
    let lines =
        answer.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")));
    (answer.status.as_u16(), String::from_utf8_lossy(&answer.body).into_owned(), lines.collect())
}

const VARY: &str = "vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers, \
                    Access-Control-Request-Private-Network";

#[test]
fn what_is_no_preflight_passes() {
    let policy = Options::default().build().expect("a policy");
    for (method, headers) in [
        ("GET", &[("origin", "https://a"), ("access-control-request-method", "GET")][..]),
        ("OPTIONS", &[("origin", "https://a")]),
        ("OPTIONS", &[("access-control-request-method", "GET")]),
    ] {
        assert_eq!(policy.before(RequestHead::of(&request(method, headers))), Before::Pass, "{headers:?}");
    }
}

#[test]
fn a_preflight_is_answered_in_starlettes_order() {
    let policy = Options::default()
        .allow_origins(["https://a"])
        .allow_headers(["X-B", "X-A"])
        .allow_credentials(true)
        .build()
        .expect("a policy");
    let (status, body, headers) = preflight(
        &policy,
        &[
            ("origin", "https://a"),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "x-a,  X-B"),
        ],
    );
    assert_eq!((status, body.as_str()), (200, "OK"));
    assert_eq!(
        headers,
        [
            VARY,
            "access-control-allow-methods: GET",
            "access-control-max-age: 600",
            "access-control-allow-headers: Accept, Accept-Language, Content-Language, Content-Type, X-A, X-B",
            "access-control-allow-credentials: true",
            "access-control-allow-origin: https://a",
            "content-length: 2",
            "content-type: text/plain; charset=utf-8",
        ]
    );
}

#[test]
fn everything_that_is_wrong_is_named() {
    let policy = Options::default().allow_origins(["https://a"]).build().expect("a policy");
    let (status, body, _) = preflight(
        &policy,
        &[
            ("origin", "https://b"),
            ("access-control-request-method", "get"),
            ("access-control-request-headers", "x-a"),
            ("access-control-request-private-network", "true"),
        ],
    );
    assert_eq!((status, body.as_str()), (400, "Disallowed CORS origin, method, headers, private-network"));
}

#[test]
fn responses_name_origins_by_the_rules() {
    let all = || Options::default().allow_origins(["*"]);
    let some = || Options::default().allow_origins(["https://a"]);
    let matching = Options::default().allow_origins_matching(|origin| origin.as_bytes().ends_with(b".org"));
    for (options, origin, expected) in [
        (all(), None, &["vary: Origin"][..]),
        (all(), Some("https://x"), &["access-control-allow-origin: *", "vary: Origin"]),
        (
            all().allow_credentials(true),
            Some("https://x"),
            &[
                "access-control-allow-origin: https://x",
                "access-control-allow-credentials: true",
                "vary: Origin",
            ],
        ),
        (some(), Some("https://a"), &["access-control-allow-origin: https://a", "vary: Origin"]),
        (some(), Some("https://b"), &["vary: Origin"]),
        (
            some().expose_headers(["X-A", "X-B"]),
            Some("https://b"),
            &["access-control-expose-headers: X-A, X-B", "vary: Origin"],
        ),
        (matching, Some("https://x.org"), &["access-control-allow-origin: https://x.org", "vary: Origin"]),
    ] {
        let policy = options.build().expect("a policy");
        let origin = origin.map(HeaderValue::from_static);
        let mut headers = Vec::<(HeaderName, HeaderValue)>::new();
        let grant = policy.grant(origin.as_ref()).expect("no doubt");
        policy.after(grant, &mut headers);
        let lines: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().expect("text")))
            .collect();
        assert_eq!(lines, expected);
    }
}

#[test]
fn doubt_of_a_predicate_is_handed_on() {
    let policy = Policy { allow_origins: super::Allowed::default().or(|_| None), ..Policy::default() };
    assert_eq!(policy.grant(Some(&HeaderValue::from_static("https://a"))), None);
    assert_eq!(policy.grant(None), Some(Grant::Absent));
    let request = request("OPTIONS", &[("origin", "https://a"), ("access-control-request-method", "GET")]);
    assert_eq!(policy.before(RequestHead::of(&request)), Before::InDoubt);
    let mut headers = HeaderMap::new();
    policy.after(Grant::Absent, &mut headers);
    assert_eq!(headers["vary"], "Origin");
}
