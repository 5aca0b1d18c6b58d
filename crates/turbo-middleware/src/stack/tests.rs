use std::convert::Infallible;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tower::{Service, ServiceExt, service_fn};
use tower_layer::Layer;

use crate::access_log::AccessLogLayer;
use crate::body_limit::BodyLimitLayer;
use crate::compression::CompressionLayer;
use crate::concurrency_limit::ConcurrencyLimitLayer;
use crate::forwarded::{Client, ForwardedLayer, TrustedProxies};
use crate::metrics::{MetricsLayer, Recorder};
use crate::rate_limit::{Quota, RateLimitLayer};
use crate::request_id::RequestIdLayer;
use crate::security_headers::SecurityHeadersLayer;
use crate::stack::StackedBody;
use crate::timeout::TimeoutLayer;
use crate::{Builder, Stack};

type Body = Full<Bytes>;

fn whole_stack(lines: &Arc<Mutex<Vec<String>>>) -> Stack {
    let lines = Arc::clone(lines);
    Builder::new()
        .compression(CompressionLayer::new())
        .timeout(TimeoutLayer::new(Duration::from_secs(1)))
        .body_limit(BodyLimitLayer::new(10))
        .rate_limit(RateLimitLayer::new(Quota::new(10, Duration::from_secs(1)).unwrap()))
        .concurrency_limit(ConcurrencyLimitLayer::new(10))
        .metrics(MetricsLayer::new(Recorder::new()))
        .security_headers(SecurityHeadersLayer::recommended())
        .access_log(AccessLogLayer::new(move |entry| lines.lock().unwrap().push(entry.to_string())))
        .request_id(RequestIdLayer::new())
        .forwarded(ForwardedLayer::new(TrustedProxies::new(["*"]), |_| None))
        .build()
}

#[test]
fn a_stack_says_what_it_is_made_of() {
    assert!(Builder::new().build().is_empty());
    assert_eq!(Builder::new().build().to_string(), "");
    let stack = Builder::new().body_limit(BodyLimitLayer::new(1)).build();
    assert_eq!(stack.to_string(), "body limit");
    assert!(!stack.is_empty());
    assert_eq!(
        whole_stack(&Arc::default()).names().collect::<Vec<_>>(),
        [
            "forwarded",
            "request id",
            "access log",
            "metrics",
            "security headers",
            "concurrency limit",
            "rate limit",
            "timeout",
            "body limit",
            "compression"
        ]
    );
}

fn request(path: &str, body: &'static str) -> Request<Body> {
    Request::builder()
        .uri(path)
        .header("x-forwarded-for", "1.2.3.4:5")
        .header("accept-encoding", "gzip")
        .header("x-request-id", "id-1")
        .body(Full::from(body))
        .unwrap()
}

async fn answer(request: Request<StackedBody<Body>>) -> Result<Response<Body>, Infallible> {
    if request.uri().path() == "/slow" {
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let response = Response::builder().header("content-type", "text/plain");
    Ok(response.body(Full::from("x".repeat(1000))).unwrap())
}

/// What each layer does is seen by those outside of it: refusals have ids, careful headers and lines in the log.
#[tokio::test(start_paused = true)]
async fn the_order_holds() {
    let lines = Arc::default();
    let service = whole_stack(&lines).layer(service_fn(answer));
    let table = [
        ("/", "", StatusCode::OK, Some("gzip")),
        ("/slow", "", StatusCode::SERVICE_UNAVAILABLE, None),
        ("/", "12345678901", StatusCode::PAYLOAD_TOO_LARGE, None),
    ];
    for (path, body, status, coding) in table {
        let response = service.clone().oneshot(request(path, body)).await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["x-request-id"], "id-1");
        assert_eq!(response.headers()["x-frame-options"], "DENY");
        let got = response.headers().get("content-encoding").map(|value| value.to_str().unwrap());
        assert_eq!(got, coding);
        response.into_body().collect().await.unwrap();
        let line = lines.lock().unwrap().pop().unwrap();
        assert_eq!(line, format!("1.2.3.4:5 - \"GET {path} HTTP/1.1\" {} id-1", status.as_u16()));
    }
}

#[tokio::test]
async fn an_empty_stack_changes_nothing() {
    let service =
        Builder::new().build().layer(service_fn(|request: Request<StackedBody<Body>>| async move {
            assert!(request.extensions().get::<Client>().is_none());
            Ok::<_, Infallible>(Response::new(Full::new(
                request.into_body().collect().await.unwrap().to_bytes(),
            )))
        }));
    let response = service.oneshot(request("/", "12345678901")).await.unwrap();
    assert!(response.headers().is_empty());
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "12345678901");
}

/// A service of one thread stays one; a service that can be sent to another thread can be sent with its stack.
#[tokio::test]
async fn a_stack_asks_for_nothing() {
    fn assert_send<T: Send>(value: T) -> T {
        value
    }
    let here = Rc::new(());
    let mut local = Builder::new().build().layer(service_fn(move |_: Request<StackedBody<Body>>| {
        let here = Rc::clone(&here);
        async move {
            drop(here);
            Ok::<_, Infallible>(Response::new(Body::default()))
        }
    }));
    local.call(request("/", "")).await.unwrap();
    let mut service = assert_send(whole_stack(&Arc::default()).layer(service_fn(answer)));
    let response = assert_send(service.call(request("/", ""))).await.unwrap();
    assert_send(response);
}
