//! Middleware around a service that answers at once: none, each alone, and all of them stacked.
//!
//! A case is one request through the layers and the response back, without a body's bytes: the difference
//! to `none` is the layer's price. A new layer is one line of `alone` and one of `stacked`.
#![allow(clippy::unwrap_used, reason = "a benchmark stops when it is wrong")]

mod suite;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use http_body_util::{Empty, Full};
use suite::{Group, Suite};
use tower::{Service, ServiceBuilder, service_fn};
use turbo_middleware::forwarded::{Protocol, TrustedProxies};

type Asked = Request<Empty<Bytes>>;
type Answered = Response<Full<Bytes>>;

const BODY: &str = "{\"message\":\"Hello, World!\"}";

/// The innermost service.
fn answer(_: Asked) -> Ready<Result<Answered, Infallible>> {
    let mut response = Response::new(Full::from(BODY));
    response.headers_mut().insert("content-type", "application/json".parse().unwrap());
    ready(Ok(response))
}

/// A request from a browser on another origin, behind a proxy.
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
    fields.into_iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
}

/// One case: what `service` answers must have `status` and the fields `present`.
fn through<S, B>(group: &mut Group<'_>, name: &str, mut service: S, status: StatusCode, present: &[&str])
where
    S: Service<Asked, Response = Response<B>>,
    S::Error: std::fmt::Debug,
{
    let fields = headers();
    let mut cx = Context::from_waker(Waker::noop());
    group.case(name, || {
        assert!(matches!(service.poll_ready(&mut cx), Poll::Ready(Ok(()))));
        let mut request = Request::new(Empty::new());
        request.headers_mut().clone_from(black_box(&fields));
        let Poll::Ready(answered) = pin!(service.call(request)).poll(&mut cx) else {
            panic!("{name}: nothing here waits")
        };
        let response = answered.unwrap();
        assert_eq!(response.status(), status);
        for field in present {
            assert!(response.headers().contains_key(*field), "{name}: no {field}");
        }
        response
    });
}

/// What `turbo-py` does with the forwarding headers of a request, as a layer.
fn forwarded<S: Service<Asked>>(mut inner: S) -> impl Service<Asked, Response = S::Response, Error = S::Error>
where
    S::Future: 'static,
{
    let proxies = TrustedProxies::new(["127.0.0.1", "10.0.0.0/8"]);
    service_fn(move |request: Asked| {
        let seen = proxies.forwarded(true, request.headers(), Protocol::Http);
        assert_eq!(seen.scheme, Some("https"));
        inner.call(request)
    })
}

fn alone(suite: &mut Suite) {
    let mut group = suite.group("middleware");
    through(&mut group, "none", service_fn(answer), StatusCode::OK, &[]);
    through(&mut group, "forwarded", forwarded(service_fn(answer)), StatusCode::OK, &[]);
}

fn stacked(suite: &mut Suite) {
    let mut group = suite.group("middleware");
    let stack = ServiceBuilder::new().layer_fn(forwarded);
    through(&mut group, "stacked", stack.service(service_fn(answer)), StatusCode::OK, &[]);
}

fn main() {
    suite::run(&[alone, stacked]);
}
