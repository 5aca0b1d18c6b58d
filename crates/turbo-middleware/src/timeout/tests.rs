use std::convert::Infallible;
use std::future::{Future, pending, ready};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use tokio::time::{Instant, sleep};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::{NAME, TimeoutLayer};
use crate::answer::{AnswerBody, Answered};

type Plain = Response<Empty<Bytes>>;
const SECOND: Duration = Duration::from_secs(1);

async fn ask<F>(layer: TimeoutLayer, service: impl Fn() -> F) -> Response<AnswerBody<Empty<Bytes>>>
where
    F: Future<Output = Result<Plain, Infallible>>,
{
    layer.layer(service_fn(|_: Request<()>| service())).oneshot(Request::new(())).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_is_dropped_and_answered_for() {
    for (layer, status) in [
        (TimeoutLayer::new(SECOND), StatusCode::SERVICE_UNAVAILABLE),
        (TimeoutLayer::new(SECOND).status(StatusCode::GATEWAY_TIMEOUT), StatusCode::GATEWAY_TIMEOUT),
        (TimeoutLayer::new(Duration::ZERO), StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let alive = Rc::new(());
        let begun = Instant::now();
        let response = ask(layer, || {
            let held = Rc::clone(&alive);
            async move {
                pending::<()>().await;
                drop(held);
                Ok(Response::default())
            }
        })
        .await;
        assert!(begun.elapsed() <= SECOND + Duration::from_millis(1));
        assert_eq!(Rc::strong_count(&alive), 1);
        assert_eq!(response.status(), status);
        assert_eq!(response.extensions().get(), Some(&Answered(NAME)));
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "Request timed out");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_in_time_is_passed_on() {
    let in_time = || async {
        sleep(SECOND / 2).await;
        Ok(Response::default())
    };
    for layer in [TimeoutLayer::new(SECOND), TimeoutLayer::off(), TimeoutLayer::new(Duration::MAX)] {
        assert_eq!(ask(layer, in_time).await.status(), StatusCode::OK);
    }
    let response = ask(TimeoutLayer::new(Duration::ZERO), || ready(Ok(Response::default()))).await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn switched_off_there_is_no_limit() {
    let slow = || async {
        sleep(1000 * SECOND).await;
        Ok(Response::default())
    };
    assert_eq!(ask(TimeoutLayer::off(), slow).await.status(), StatusCode::OK);
}
