use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tower::{Service as _, ServiceBuilder, service_fn};

use super::{CountedBody, Format, Kind, MetricsLayer, Recorder, Route, Sample};

type Body = Full<bytes::Bytes>;

async fn serve(request: Request<CountedBody<Body>>) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path().to_owned();
    if path == "/slow" {
        pending::<()>().await;
    }
    let body = request.into_body().collect().await?.to_bytes();
    let mut response = Response::new(Full::from(body));
    if let Some(id) = path.strip_prefix("/items/") {
        *response.status_mut() = if id == "0" { StatusCode::NOT_FOUND } else { StatusCode::OK };
        response.extensions_mut().insert(Route("/items/{id}".into()));
    }
    Ok(response)
}

fn request(method: &str, path: &str, body: &'static str) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Full::from(body)).unwrap()
}

fn value(page: &str, series: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[tokio::test]
async fn records_what_is_answered() {
    let recorder = Recorder::new();
    let mut service =
        ServiceBuilder::new().layer(MetricsLayer::new(recorder.clone())).service(service_fn(serve));
    for (method, path, body) in [
        ("GET", "/items/0", ""),
        ("GET", "/items/1", ""),
        ("POST", "/items/2", "12345"),
        ("GET", "/elsewhere/1", ""),
        ("BREW", "/elsewhere/2", "123"),
    ] {
        service.call(request(method, path, body)).await.unwrap().collect().await.unwrap();
    }
    {
        let mut waiting = pin!(service.call(request("GET", "/slow", "")));
        assert!(poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await);
        assert_eq!(value(&recorder.page(Format::Prometheus), "http_requests_in_flight"), Some(1.0));
    }
    let page = recorder.page(Format::Prometheus);
    for (series, expected) in [
        ("http_requests_total{method=\"GET\",route=\"/items/{id}\",status=\"2xx\"}", 1.0),
        ("http_requests_total{method=\"GET\",route=\"/items/{id}\",status=\"4xx\"}", 1.0),
        ("http_requests_total{method=\"POST\",route=\"/items/{id}\",status=\"2xx\"}", 1.0),
        ("http_requests_total{method=\"GET\",route=\"unmatched\",status=\"2xx\"}", 1.0),
        ("http_requests_total{method=\"_OTHER\",route=\"unmatched\",status=\"2xx\"}", 1.0),
        ("http_requests_total{method=\"GET\",route=\"unmatched\",status=\"none\"}", 1.0),
        ("http_request_duration_seconds_count{method=\"GET\",route=\"/items/{id}\"}", 2.0),
        ("http_requests_in_flight", 0.0),
        ("http_request_body_bytes_total", 8.0),
        ("http_response_body_bytes_total", 8.0),
    ] {
        assert_eq!(value(&page, series), Some(expected), "{series} in\n{page}");
    }
}

#[tokio::test]
async fn the_page_is_opt_in_and_not_counted() {
    let recorder = Recorder::new();
    let layer = MetricsLayer::new(recorder.clone());
    let mut without = ServiceBuilder::new().layer(layer.clone()).service(service_fn(serve));
    let mut with = ServiceBuilder::new().layer(layer.path("/metrics")).service(service_fn(serve));

    let response = without.call(request("GET", "/metrics", "")).await.unwrap();
    assert!(!response.headers().contains_key("content-type"));
    for (accept, content_type, last) in [
        ("*/*", "text/plain; version=0.0.4; charset=utf-8", None),
        (
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.4",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Some("# EOF"),
        ),
    ] {
        let mut request = request("GET", "/metrics", "");
        request.headers_mut().insert("accept", accept.parse().unwrap());
        let response = with.call(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], content_type);
        let page = response.collect().await.unwrap().to_bytes();
        let page = std::str::from_utf8(&page).unwrap();
        assert_eq!(page.lines().last().filter(|line| line.starts_with('#')), last);
        assert_eq!(
            value(page, "http_requests_total{method=\"GET\",route=\"unmatched\",status=\"2xx\"}"),
            Some(1.0)
        );
    }
    let response = with.call(request("POST", "/metrics", "mine")).await.unwrap();
    assert_eq!(response.collect().await.unwrap().to_bytes(), "mine");
}

#[test]
fn routes_are_bounded() {
    let recorder = Recorder::with_routes(3);
    for number in 0..1_000 {
        let route = format!("/{number}");
        recorder.record(&Method::GET, Some(&route), Some(StatusCode::OK), Duration::from_millis(1));
    }
    recorder.record(&Method::GET, None, Some(StatusCode::OK), Duration::from_millis(1));
    let page = recorder.page(Format::Prometheus);
    assert_eq!(page.lines().filter(|line| line.starts_with("http_requests_total{")).count(), 5);
    assert_eq!(
        value(&page, "http_requests_total{method=\"GET\",route=\"other\",status=\"2xx\"}"),
        Some(997.0)
    );
}

#[test]
fn sources_are_asked_for_each_page_and_escaped() {
    let recorder = Recorder::new();
    recorder.add_source(|| {
        let sample = |tier: &str, value| Sample {
            name: "routes".to_owned(),
            help: "Routes by tier".to_owned(),
            kind: Kind::Gauge,
            labels: vec![("tier".to_owned(), tier.to_owned())],
            value,
        };
        vec![sample("native", 3.0), sample("a \"b\"\n", 1.5)]
    });
    recorder.add_source(|| {
        vec![Sample {
            name: "collections".to_owned(),
            help: "Collections".to_owned(),
            kind: Kind::Counter,
            labels: Vec::new(),
            value: 4.0,
        }]
    });
    let page = recorder.page(Format::Prometheus);
    assert!(
        page.contains(
            "# HELP routes Routes by tier\n# TYPE routes gauge\nroutes{tier=\"native\"} 3.0\n\
             routes{tier=\"a \\\"b\\\"\\n\"} 1.5\n"
        ),
        "{page}"
    );
    assert_eq!(value(&page, "collections_total"), Some(4.0));
}
