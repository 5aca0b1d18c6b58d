//! Middleware around a service that answers at once: none, each alone, and all of them stacked.
//!
//! A case is one request through the layers and the response back, its body read to the end: the difference
//! to `none` is the layer's price. A new layer is one line of `alone` and one of `stacked`.
#![allow(clippy::unwrap_used, reason = "a benchmark stops when it is wrong")]

mod suite;

use std::convert::Infallible;
use std::fmt::Debug;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use http_body_util::{Empty, Full};
use hyper::body::Body;
use suite::{Group, Suite};
use tokio::runtime::{Builder, Runtime};
use tower::{Layer, Service, ServiceBuilder, service_fn};
use turbo_middleware::concurrency_limit::ConcurrencyLimitLayer;
use turbo_middleware::cors::{CorsLayer, Options};
use turbo_middleware::forwarded::{Protocol, TrustedProxies};
use turbo_middleware::metrics::{MetricsLayer, Recorder};
use turbo_middleware::rate_limit::{Quota, RateLimitLayer};
use turbo_middleware::trusted_host::{Policy, TrustedHostLayer};

type Asked = Request<Empty<Bytes>>;

/// The innermost service, whatever body the layers around it make of the request's.
#[derive(Clone)]
struct Answers(Bytes);

impl<B> Service<Request<B>> for Answers {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        let mut response = Response::new(Full::new(self.0.clone()));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        ready(Ok(response))
    }
}

fn small() -> Answers {
    Answers(Bytes::from_static(b"{\"message\":\"Hello, World!\"}"))
}

/// A request from a page of another origin, behind a proxy.
fn headers() -> HeaderMap {
    let fields = [
        ("host", "api.example.org"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ("accept", "application/json"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("origin", "https://shop.example.org"),
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-proto", "https"),
    ];
    let pair = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    fields.into_iter().map(pair).collect()
}

/// One case: `service` answers 200 with a body and the fields `present`.
fn through<S, B>(group: &mut Group<'_>, name: &str, mut service: S, present: &[&str])
where
    S: Service<Asked, Response = Response<B>, Error: Debug>,
    B: Body<Error: Debug>,
{
    let clocked = clock();
    let _clock = clocked.enter();
    let fields = headers();
    let mut cx = Context::from_waker(Waker::noop());
    group.case(name, || {
        assert!(matches!(service.poll_ready(&mut cx), Poll::Ready(Ok(()))));
        let mut request = Request::new(Empty::new());
        request.headers_mut().clone_from(black_box(&fields));
        let Poll::Ready(answered) = pin!(service.call(request)).poll(&mut cx) else {
            panic!("{name}: nothing here waits")
        };
        let (head, body) = answered.unwrap().into_parts();
        assert_eq!(head.status, 200);
        assert!(present.iter().all(|field| head.headers.contains_key(*field)), "{name}: {head:?}");
        let mut body = pin!(body);
        let mut received = 0;
        while let Some(frame) = match body.as_mut().poll_frame(&mut cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => panic!("{name}: nothing here waits"),
        } {
            received += frame.unwrap().data_ref().map_or(0, Buf::remaining);
        }
        assert_ne!(received, 0);
    });
}

/// For layers that set timers.
fn clock() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

/// What the engine does with the forwarding headers of a request, as a layer.
fn forwarded<S: Service<Asked>>(
    mut inner: S,
) -> impl Service<Asked, Response = S::Response, Error = S::Error, Future = S::Future> {
    let proxies = TrustedProxies::new(["127.0.0.1", "10.0.0.0/8"]);
    service_fn(move |request: Asked| {
        let seen = proxies.forwarded(true, request.headers(), Protocol::Http);
        assert_eq!(seen.scheme, Some("https"));
        inner.call(request)
    })
}

fn rate_limit() -> RateLimitLayer {
    RateLimitLayer::new(Quota::new(1_000_000_000, Duration::from_secs(3_600)).unwrap())
}

fn cors() -> CorsLayer {
    let options = Options::default().allow_origins(["https://shop.example.org"]).allow_credentials(true);
    CorsLayer::new(options.build().unwrap())
}

fn trusted_host() -> TrustedHostLayer {
    TrustedHostLayer::new(Policy::new(["example.org", "*.example.org"]).unwrap())
}

fn alone(suite: &mut Suite) {
    let mut group = suite.group("middleware");
    through(&mut group, "none", small(), &["content-type"]);
    through(&mut group, "forwarded", forwarded(small()), &[]);
    through(&mut group, "metrics", MetricsLayer::new(Recorder::new()).layer(small()), &[]);
    through(&mut group, "concurrency_limit", ConcurrencyLimitLayer::new(512).layer(small()), &[]);
    through(&mut group, "rate_limit", rate_limit().layer(small()), &["ratelimit"]);
    through(&mut group, "cors", cors().layer(small()), &["access-control-allow-origin", "vary"]);
    through(&mut group, "trusted_host", trusted_host().layer(small()), &[]);
}

fn stacked(suite: &mut Suite) {
    let mut group = suite.group("middleware");
    let stack = ServiceBuilder::new()
        .layer_fn(forwarded)
        .layer(MetricsLayer::new(Recorder::new()))
        .layer(ConcurrencyLimitLayer::new(512))
        .layer(rate_limit())
        .layer(trusted_host())
        .layer(cors());
    through(&mut group, "stacked", stack.service(small()), &["content-type"]);
}

fn main() {
    suite::run(&[alone, stacked]);
}
