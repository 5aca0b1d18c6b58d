use std::convert::Infallible;
use std::net::IpAddr;

use http::request::Parts;
use http::{HeaderName, Request, Response};
use http_body_util::BodyExt as _;
use tower::{Service, ServiceBuilder, ServiceExt as _, service_fn};

use super::{Hands, SECOND, quota};
use crate::answer::AnswerBody;
use crate::forwarded::Client;
use crate::rate_limit::{
    ByAddress, ByHeader, Fields, Key, KeyExtractor, Limiter, MemoryStore, Policy, RateLimitLayer,
};

type Answer = Response<AnswerBody<String>>;

fn limited(
    limiter: Limiter,
    key: impl KeyExtractor,
) -> impl Service<Request<()>, Response = Answer, Error = Infallible> + Clone {
    ServiceBuilder::new()
        .layer(RateLimitLayer::with(limiter, key))
        .service(service_fn(|_| async { Ok(Response::new("served".to_owned())) }))
}

fn limiter(hands: &Hands) -> Limiter {
    Limiter::in_memory(Policy::new("test", quota(2, 4)), MemoryStore::with_clock(100, hands.clock()))
}

fn from(address: &str) -> Request<()> {
    let mut request = Request::new(());
    request.extensions_mut().insert(Client { host: address.into(), port: 0 });
    request
}

fn parts(request: Request<()>) -> Parts {
    request.into_parts().0
}

fn fields(response: &Answer) -> Vec<(&str, &str)> {
    let headers = response.headers().iter();
    headers.map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect()
}

#[tokio::test]
async fn tells_what_is_left_and_refuses_the_rest() {
    let hands = Hands::default();
    let service = limited(limiter(&hands), ByAddress);
    let ask = || service.clone().oneshot(from("192.0.2.1"));
    let policy = ("ratelimit-policy", "\"test\";q=2;w=4");

    assert_eq!(fields(&ask().await.unwrap()), [policy, ("ratelimit", "\"test\";r=1;t=2")]);
    hands.advance(SECOND / 2);
    assert_eq!(fields(&ask().await.unwrap()), [policy, ("ratelimit", "\"test\";r=0;t=4")]);
    let refused = ask().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(
        fields(&refused),
        [
            ("content-type", "text/plain; charset=utf-8"),
            ("content-length", "17"),
            ("retry-after", "2"),
            policy,
            ("ratelimit", "\"test\";r=0;t=4"),
        ]
    );
    assert_eq!(refused.into_body().collect().await.unwrap().to_bytes(), "Too Many Requests");
    hands.advance(2 * SECOND);
    assert_eq!(ask().await.unwrap().status(), 200);
}

#[tokio::test]
async fn writes_the_fields_of_the_older_draft() {
    let hands = Hands::default();
    let service = limited(limiter(&hands).fields(Fields::Draft06), ByAddress);
    let response = service.oneshot(from("192.0.2.1")).await.unwrap();
    assert_eq!(
        fields(&response),
        [
            ("ratelimit-policy", "2;w=4"),
            ("ratelimit-limit", "2"),
            ("ratelimit-remaining", "1"),
            ("ratelimit-reset", "2"),
        ]
    );
}

#[tokio::test]
async fn writes_no_fields_but_retry_after() {
    let hands = Hands::default();
    let service = limited(limiter(&hands).fields(Fields::Off), ByAddress);
    for _ in 0..2 {
        assert_eq!(fields(&service.clone().oneshot(from("192.0.2.1")).await.unwrap()), []);
    }
    let refused = service.oneshot(from("192.0.2.1")).await.unwrap();
    assert_eq!(refused.headers()["retry-after"], "2");
    assert!(!refused.headers().contains_key("ratelimit"));
}

#[tokio::test]
async fn a_function_names_the_bucket_or_exempts() {
    let by_path = |request: &Parts| match request.uri.path() {
        "/health" => None,
        path => Some(Key::text(path)),
    };
    let service = limited(limiter(&Hands::default()), by_path);
    let ask = |path: &'static str| service.clone().oneshot(Request::get(path).body(()).unwrap());
    let mut statuses = Vec::new();
    for path in ["/a", "/a", "/a", "/b", "/health", "/health", "/health"] {
        statuses.push(ask(path).await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 429, 200, 200, 200, 200]);
    assert!(!ask("/health").await.unwrap().headers().contains_key("ratelimit"));
}

#[test]
fn who_shares_a_bucket() {
    let table = [
        ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.1", "192.0.2.2", false),
        ("::ffff:192.0.2.1", "192.0.2.1", true),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", true),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
    ];
    for (one, other, same) in table {
        let key = |address: &str| Key::address(address.parse::<IpAddr>().unwrap());
        assert_eq!(key(one) == key(other), same, "{one} and {other}");
    }
    assert_eq!(ByAddress.key(&parts(Request::new(()))), Some(Key::Unknown));
}

#[test]
fn without_the_header_the_address_counts() {
    let by_key = ByHeader::new(HeaderName::from_static("x-api-key"));
    let mut request = parts(from("192.0.2.1"));
    assert_eq!(by_key.key(&request), Some(Key::address("192.0.2.1".parse().unwrap())));
    request.headers.insert("x-api-key", "abc".parse().unwrap());
    assert_eq!(by_key.key(&request), Some(Key::text("abc")));
}

#[test]
fn names_cannot_break_the_fields() {
    assert_eq!(Policy::new("per \"user\"\r\n\u{e9}", quota(1, 1)).name(), "per__user____");
}
