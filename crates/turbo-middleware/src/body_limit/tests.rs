use std::convert::Infallible;
use std::error::Error;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::channel::Channel;
use http_body_util::{BodyExt, Empty, Full};
use proptest::prelude::*;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::{BodyLimitLayer, NAME, RequestBody};
use crate::answer::{AnswerBody, Answered};

/// A service that reads the body and says what came of it.
async fn read<B>(request: Request<RequestBody<B>>) -> Result<Response<Full<Bytes>>, Infallible>
where
    B: Body,
    B::Error: std::fmt::Display,
{
    Ok(Response::new(match request.into_body().collect().await {
        Ok(body) => Full::new(body.to_bytes()),
        Err(error) => Full::from(error.to_string()),
    }))
}

async fn ask<B>(layer: BodyLimitLayer, request: Request<B>) -> (Response<()>, String)
where
    B: Body,
    B::Error: std::fmt::Display,
{
    text(layer.layer(service_fn(read::<B>)).oneshot(request).await.unwrap()).await
}

async fn text(response: Response<AnswerBody<Full<Bytes>>>) -> (Response<()>, String) {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (Response::from_parts(parts, ()), String::from_utf8(bytes.to_vec()).unwrap())
}

/// A body without a length, in these pieces.
async fn chunked(pieces: &[&'static str]) -> Channel<Bytes, Infallible> {
    let (mut sender, body) = Channel::new(pieces.len().max(1));
    for piece in pieces {
        sender.send_data(Bytes::from_static(piece.as_bytes())).await.unwrap();
    }
    body
}

fn assert_refused(response: &Response<()>, body: &str) {
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(body, "Content Too Large");
    assert_eq!(response.headers()["connection"], "close");
    assert_eq!(response.headers()["content-length"], "17");
    assert_eq!(response.extensions().get(), Some(&Answered(NAME)));
}

#[tokio::test]
async fn what_has_a_length_is_judged_by_it() {
    for (limit, body, fits) in [(4, "1234", true), (4, "12345", false), (0, "", true), (0, "1", false)] {
        let (response, answer) =
            ask(BodyLimitLayer::new(limit), Request::new(Full::<Bytes>::from(body))).await;
        if fits {
            assert_eq!((response.status(), answer.as_str()), (StatusCode::OK, body));
        } else {
            assert_refused(&response, &answer);
        }
    }
}

#[tokio::test]
async fn an_announced_length_is_enough() {
    let request = Request::builder().header("content-length", "5").body(Empty::<Bytes>::new()).unwrap();
    let (response, answer) = ask(BodyLimitLayer::new(4), request).await;
    assert_refused(&response, &answer);
}

#[tokio::test]
async fn what_has_no_length_is_counted() {
    type Row = (u64, &'static [&'static str], bool);
    let table: &[Row] = &[
        (4, &[], true),
        (4, &["1234"], true),
        (4, &["12", "34"], true),
        (4, &["1234", ""], true),
        (4, &["12345"], false),
        (4, &["1234", "5"], false),
        (0, &["1"], false),
        (0, &[""], true),
    ];
    for (limit, pieces, fits) in table {
        let (response, answer) = ask(BodyLimitLayer::new(*limit), Request::new(chunked(pieces).await)).await;
        if *fits {
            assert_eq!((response.status(), answer), (StatusCode::OK, pieces.concat()));
        } else {
            assert_refused(&response, &answer);
        }
    }
}

#[tokio::test]
async fn switched_off_anything_fits() {
    let (response, answer) = ask(BodyLimitLayer::off(), Request::new(chunked(&["12", "345"]).await)).await;
    assert_eq!((response.status(), answer.as_str()), (StatusCode::OK, "12345"));
}

/// A service that hands the body to someone else is answered for all the same: the response does not wait for
/// the service to notice.
#[tokio::test]
async fn a_body_that_is_read_elsewhere_ends_the_request() {
    let elsewhere: Arc<Mutex<Option<RequestBody<_>>>> = Arc::default();
    let kept = Arc::clone(&elsewhere);
    let service = BodyLimitLayer::new(1).layer(service_fn(move |request: Request<RequestBody<_>>| {
        *kept.lock().unwrap() = Some(request.into_body());
        std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>()
    }));
    let mut answer = tokio_test::task::spawn(service.oneshot(Request::new(chunked(&["12"]).await)));
    assert!(answer.poll().is_pending());
    let body = elsewhere.lock().unwrap().take().unwrap();
    body.collect().await.unwrap_err();
    assert!(answer.is_woken());
    let (response, body) = text(answer.await.unwrap()).await;
    assert_refused(&response, &body);
}

#[tokio::test]
async fn an_answer_that_was_given_stays() {
    let (mut sender, body) = Channel::<Bytes>::new(1);
    let service = BodyLimitLayer::new(1).layer(service_fn(|request: Request<RequestBody<_>>| {
        std::future::ready(Ok::<_, Infallible>(Response::new(request.into_body())))
    }));
    let response = service.oneshot(Request::new(body)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    sender.send_data(Bytes::from_static(b"12")).await.unwrap();
    let error: Box<dyn Error> = response.into_body().collect().await.unwrap_err().into();
    assert_eq!(error.to_string(), "the request body is too large");
}

proptest! {
    /// A body is let through exactly when all of it fits, whatever its pieces are.
    #[test]
    fn the_pieces_do_not_matter(limit in 0_u64..40, pieces in prop::collection::vec("[a-z]{0,9}", 0..8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (response, answer) = runtime.block_on(async {
            let (mut sender, body) = Channel::<Bytes, Infallible>::new(pieces.len().max(1));
            for piece in &pieces {
                sender.send_data(piece.clone().into()).await.unwrap();
            }
            drop(sender);
            ask(BodyLimitLayer::new(limit), Request::new(body)).await
        });
        let whole = pieces.concat();
        if whole.len() as u64 <= limit {
            prop_assert_eq!((response.status(), answer), (StatusCode::OK, whole));
        } else {
            assert_refused(&response, &answer);
        }
    }
}
