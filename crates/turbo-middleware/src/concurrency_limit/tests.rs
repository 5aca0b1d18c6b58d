use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::thread;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use tower::{Service as _, ServiceBuilder, service_fn};

use super::{ConcurrencyLimitLayer, Gate};

fn get(path: &str) -> Request<()> {
    Request::get(path).body(()).unwrap()
}

/// Answers `/`, waits for ever on other paths.
async fn serve(request: Request<()>) -> Result<Response<String>, Infallible> {
    match request.uri().path() {
        "/" | "/health" => Ok(Response::new("served".to_owned())),
        _ => pending().await,
    }
}

#[tokio::test]
async fn a_place_is_given_back_with_the_answer_or_the_client() {
    let gate = Gate::new(2);
    let mut service = ServiceBuilder::new()
        .layer(ConcurrencyLimitLayer::with_gate(gate.clone()))
        .service(service_fn(serve));
    {
        let mut waiting = pin!(service.call(get("/slow")));
        assert!(poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await);
        assert_eq!(gate.inside(), 1);
        let answered = service.call(get("/")).await.unwrap();
        // The body is still to be sent.
        assert_eq!(gate.inside(), 1);
        drop(answered);
    }
    assert_eq!(gate.inside(), 0);
    assert_eq!(gate.refused(), 0);
}

#[tokio::test]
async fn the_rest_is_refused_at_once_and_health_is_not() {
    let gate = Gate::new(1);
    let layer = ConcurrencyLimitLayer::with_gate(gate.clone()).exempt(["/health"]).retry_after(7);
    let mut service = ServiceBuilder::new().layer(layer).service(service_fn(serve));
    let _waiting = service.call(get("/slow"));

    let refused = service.call(get("/")).await.unwrap();
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "7");
    assert_eq!(refused.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(refused.into_body().collect().await.unwrap().to_bytes(), "Service Unavailable");
    assert_eq!(gate.refused(), 1);
    for (path, status) in [("/health", 200), ("/health?full", 200), ("/health/", 503), ("/healthy", 503)] {
        assert_eq!(service.call(get(path)).await.unwrap().status(), status, "{path}");
    }
    assert_eq!(gate.inside(), 1);
}

#[tokio::test]
async fn off_does_nothing() {
    let mut service = ServiceBuilder::new().layer(ConcurrencyLimitLayer::off()).service(service_fn(serve));
    let _waiting: Vec<_> = (0..10_000).map(|_| service.call(get("/slow"))).collect();
    assert_eq!(service.call(get("/")).await.unwrap().status(), 200);
}

#[test]
fn threads_never_exceed_the_limit() {
    let gate = Gate::new(3);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10_000 {
                    let permit = gate.enter();
                    assert!(gate.inside() <= 3);
                    drop(permit);
                }
            });
        }
    });
    assert_eq!(gate.inside(), 0);
}
