use std::convert::Infallible;

use http::{HeaderName, Request, Response};
use proptest::prelude::*;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::id::is_valid;
use super::{Id, RequestIdLayer};

const HEADER: &str = "x-request-id";

/// What the application saw in the header and in the extensions, and the response.
async fn ask(layer: RequestIdLayer, header: &str, fields: &[&str]) -> (Vec<String>, Response<Vec<String>>) {
    let name: HeaderName = header.parse().unwrap();
    let seen = name.clone();
    let service = layer.layer(service_fn(move |request: Request<()>| {
        let mut found: Vec<_> = request
            .headers()
            .get_all(&seen)
            .iter()
            .map(|value| String::from_utf8(value.as_bytes().to_vec()).unwrap())
            .collect();
        found.extend(request.extensions().get::<Id>().map(|id| id.as_str().to_owned()));
        std::future::ready(Ok::<_, Infallible>(Response::new(found)))
    }));
    let mut request = Request::new(());
    for field in fields {
        request.headers_mut().append(name.clone(), field.parse().unwrap());
    }
    let response = service.oneshot(request).await.unwrap();
    (response.body().clone(), response)
}

#[tokio::test]
async fn a_harmless_incoming_id_is_kept() {
    for id in ["a", "3f2b-99", "Root=1-67891233-abcdef012345678912345678;Self=1", &"x".repeat(128)] {
        let (seen, response) = ask(RequestIdLayer::new(), HEADER, &[id]).await;
        assert_eq!(seen, [id, id]);
        assert_eq!(response.headers()[HEADER], id);
        assert_eq!(response.extensions().get::<Id>().unwrap().as_str(), id);
    }
}

#[tokio::test]
async fn any_other_is_replaced() {
    let long = "x".repeat(129);
    let table: &[&[&str]] = &[
        &[],
        &[""],
        &["a b"],
        &["\"; drop"],
        &["a\tb"],
        &["\u{e9}"],
        &["$(id)"],
        &[&long],
        &["a", "b"],
        &["a", "a"],
    ];
    for fields in table {
        let (seen, response) = ask(RequestIdLayer::new(), HEADER, fields).await;
        let [header, extension] = &seen[..] else { panic!("{fields:?} left {seen:?}") };
        assert_eq!(header, extension);
        assert!(!fields.contains(&header.as_str()), "{fields:?}");
        assert_eq!(header.len(), 32);
        assert!(header.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(response.headers()[HEADER], header.as_str());
    }
}

#[tokio::test]
async fn ids_are_never_taken_when_they_are_not_to_be() {
    let (seen, _) = ask(RequestIdLayer::new().accept_incoming(false), HEADER, &["mine"]).await;
    assert_eq!(seen.len(), 2);
    assert_ne!(seen[0], "mine");
}

#[tokio::test]
async fn the_header_has_the_name_it_is_given() {
    let name = HeaderName::from_static("x-trace");
    let (seen, response) = ask(RequestIdLayer::new().header(name), "x-trace", &["t1"]).await;
    assert_eq!(seen, ["t1", "t1"]);
    assert_eq!(response.headers()["x-trace"], "t1");
    assert!(!response.headers().contains_key(HEADER));
}

#[tokio::test]
async fn switched_off_it_does_nothing() {
    let (seen, response) = ask(RequestIdLayer::off(), HEADER, &["a b"]).await;
    assert_eq!(seen, ["a b"]);
    assert!(response.headers().is_empty());
}

#[tokio::test]
async fn a_response_keeps_the_id_it_brings() {
    let service = RequestIdLayer::new().layer(service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::builder().header(HEADER, "own").body(()).unwrap())
    }));
    let response = service.oneshot(Request::new(())).await.unwrap();
    assert_eq!(response.headers().get_all(HEADER).iter().collect::<Vec<_>>(), ["own"]);
}

proptest! {
    #[test]
    fn nothing_valid_needs_quoting(bytes in prop::collection::vec(any::<u8>(), 0..140)) {
        let harmless = |byte: &u8| (0x21..0x7f).contains(byte) && !b"\"'\\`$&|<>(){}[]*?!#%^,".contains(byte);
        if is_valid(&bytes) {
            prop_assert!(!bytes.is_empty() && bytes.len() <= 128 && bytes.iter().all(harmless));
        }
    }
}
