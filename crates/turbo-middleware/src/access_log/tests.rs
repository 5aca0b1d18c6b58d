use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response, StatusCode, Uri};
use proptest::prelude::*;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::{AccessLogLayer, Entry};
use crate::forwarded::Client;
use crate::request_id::RequestIdLayer;

/// The entries that a request makes.
async fn entries(request: Request<()>, answer: Option<StatusCode>) -> Vec<Entry> {
    let kept: Arc<Mutex<Vec<Entry>>> = Arc::default();
    let seen = Arc::clone(&kept);
    let layer = AccessLogLayer::new(move |entry| seen.lock().unwrap().push(entry));
    let service = RequestIdLayer::new().layer(layer.layer(service_fn(move |_: Request<()>| {
        std::future::ready(match answer {
            Some(status) => Ok(Response::builder().status(status).body(()).unwrap()),
            None => Err("lost"),
        })
    })));
    let _ = service.oneshot(request).await;
    kept.lock().unwrap().clone()
}

fn request(target: &str) -> Request<()> {
    Request::builder().uri(target).header("x-request-id", "id-1").body(()).unwrap()
}

#[tokio::test]
async fn a_response_makes_a_line() {
    let mut asked = request("/items?page=2");
    *asked.method_mut() = Method::PUT;
    asked.extensions_mut().insert(Client { host: "1.2.3.4".into(), port: 5 });
    let [entry] = &entries(asked, Some(StatusCode::NOT_FOUND)).await[..] else { panic!("one entry") };
    assert_eq!(entry.to_string(), "1.2.3.4:5 - \"PUT /items?page=2 HTTP/1.1\" 404 id-1");
}

#[tokio::test]
async fn a_failure_makes_none() {
    assert!(entries(request("/"), None).await.is_empty());
}

#[tokio::test]
async fn what_is_not_known_is_left_out() {
    let kept: Arc<Mutex<String>> = Arc::default();
    let seen = Arc::clone(&kept);
    let layer = AccessLogLayer::new(move |entry| *seen.lock().unwrap() = entry.to_string());
    let service = layer.layer(service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) }));
    service.oneshot(Request::new(())).await.unwrap();
    assert_eq!(*kept.lock().unwrap(), "- - \"GET / HTTP/1.1\" 200");
}

#[tokio::test]
async fn switched_off_it_does_nothing() {
    let service = AccessLogLayer::off()
        .layer(service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) }));
    assert_eq!(service.oneshot(Request::new(())).await.unwrap().status(), StatusCode::OK);
}

proptest! {
    /// A line is one line with one quotation, whatever is asked for by whomever.
    #[test]
    fn a_line_stays_a_line(target in "/[ -~\u{7f}\u{e9}]{0,30}", host in "[ -~\n\u{85}]{0,20}") {
        let Ok(uri) = target.parse::<Uri>() else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut asked = request("/");
        *asked.uri_mut() = uri;
        asked.extensions_mut().insert(Client { host: host.as_str().into(), port: 0 });
        let entries = runtime.block_on(entries(asked, Some(StatusCode::OK)));
        let line = entries[0].to_string();
        prop_assert_eq!(line.matches('"').count(), 2);
        prop_assert!(!line.contains(char::is_control) && !line.contains('\\'));
    }
}
