use std::convert::Infallible;

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};

use super::{CorsLayer, NAME, Options};
use crate::answer::Answered;

type Body = Full<bytes::Bytes>;

async fn asked(request: Request<()>) -> (Response<String>, bool) {
    let policy = Options::default().allow_origins(["https://a"]).build().expect("a policy");
    let inner = service_fn(|_: Request<()>| async {
        let response = Response::builder().header("vary", "Cookie").body(Body::from("inner"));
        Ok::<_, Infallible>(response.expect("a response"))
    });
    let response = CorsLayer::new(policy).layer(inner).oneshot(request).await.expect("infallible");
    let answered = response.extensions().get() == Some(&Answered(NAME));
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    (Response::from_parts(head, String::from_utf8_lossy(&body).into_owned()), answered)
}

fn request(method: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().method(method).uri("/");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request")
}

#[tokio::test]
async fn a_preflight_never_reaches_the_service() {
    let preflight = request("OPTIONS", &[("origin", "https://a"), ("access-control-request-method", "GET")]);
    let (response, answered) = asked(preflight).await;
    assert_eq!((response.status().as_u16(), response.body().as_str(), answered), (200, "OK", true));
    assert_eq!(response.headers()["access-control-allow-origin"], "https://a");
}

#[tokio::test]
async fn a_response_of_the_service_gets_its_headers() {
    for (origin, allowed) in [(None, false), (Some("https://a"), true), (Some("https://b"), false)] {
        let headers: Vec<_> = origin.iter().map(|origin| ("origin", *origin)).collect();
        let (response, answered) = asked(request("GET", &headers)).await;
        assert_eq!((response.body().as_str(), answered), ("inner", false));
        assert_eq!(response.headers()["vary"], "Cookie, Origin");
        assert_eq!(response.headers().contains_key("access-control-allow-origin"), allowed, "{origin:?}");
    }
}
