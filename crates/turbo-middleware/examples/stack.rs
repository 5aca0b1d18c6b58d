//! Serves with every layer and no Python: `cargo run -p turbo-middleware --example stack -- 127.0.0.1:8000`.
//!
//! `/metrics` is the page for Prometheus, `/` greets, `/slow` takes longer than it may, `POST /` counts the bytes of a body of up to 64 KiB.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tower::{ServiceBuilder, service_fn};
use turbo_http::{Address, ConnectionInfo, Server};
use turbo_middleware::access_log::AccessLogLayer;
use turbo_middleware::body_limit::BodyLimitLayer;
use turbo_middleware::compression::CompressionLayer;
use turbo_middleware::concurrency_limit::ConcurrencyLimitLayer;
use turbo_middleware::forwarded::{ForwardedLayer, TrustedProxies};
use turbo_middleware::metrics::{MetricsLayer, Recorder};
use turbo_middleware::rate_limit::{Quota, QuotaError, RateLimitLayer};
use turbo_middleware::request_id::{Id, RequestIdLayer};
use turbo_middleware::security_headers::SecurityHeadersLayer;
use turbo_middleware::stack::StackedBody;
use turbo_middleware::timeout::TimeoutLayer;
use turbo_middleware::{BoxError, Builder, Stack};

type Incoming = Request<StackedBody<turbo_http::RequestBody>>;

/// The service: it knows nothing of what stands in front of it.
async fn answer(request: Incoming) -> Result<Response<Full<Bytes>>, BoxError> {
    let text = match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => {
            let id = request.extensions().get().map_or("none", Id::as_str);
            format!("Hello, you are request {id}.\n").repeat(100)
        }
        (&Method::GET, "/slow") => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            String::new()
        }
        (&Method::POST, "/") => format!("{} bytes\n", request.into_body().collect().await?.to_bytes().len()),
        _ => return Ok(Response::builder().status(StatusCode::NOT_FOUND).body(Full::default())?),
    };
    Ok(Response::builder().header("content-type", "text/plain; charset=utf-8").body(Full::from(text))?)
}

/// Every layer, with the settings that a small service behind a local proxy could have.
fn stack(log: impl Fn(String) + Send + Sync + 'static) -> Result<Stack, QuotaError> {
    let proxies = TrustedProxies::new(["127.0.0.1", "::1"]);
    let forwarded =
        ForwardedLayer::new(proxies, |extensions| match extensions.get::<ConnectionInfo>()?.peer() {
            Address::Tcp(address) => Some(*address),
            Address::Unix(_) => None,
        });
    let stack = Builder::new()
        .forwarded(forwarded)
        .request_id(RequestIdLayer::new())
        .access_log(AccessLogLayer::new(move |entry| log(entry.to_string())))
        .metrics(MetricsLayer::new(Recorder::new()).path("/metrics"))
        .security_headers(SecurityHeadersLayer::recommended())
        .concurrency_limit(ConcurrencyLimitLayer::new(512).exempt(["/health"]))
        .rate_limit(RateLimitLayer::new(Quota::new(600, Duration::from_secs(60))?))
        .timeout(TimeoutLayer::new(Duration::from_millis(200)))
        .body_limit(BodyLimitLayer::new(64 * 1024))
        .compression(CompressionLayer::new())
        .build();
    Ok(stack)
}

/// Begins to serve; `log` gets the lines of the access log.
pub(crate) fn start(
    address: SocketAddr,
    log: impl Fn(String) + Send + Sync + 'static,
) -> std::io::Result<Server> {
    let stack = stack(log).map_err(std::io::Error::other)?;
    let service = ServiceBuilder::new().layer(stack).service(service_fn(answer));
    Server::builder().tcp(address).connection_info(true).stop_on_signals(true).start(service)
}

fn main() -> Result<(), Box<dyn Error>> {
    let address: SocketAddr = std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:8000").parse()?;
    let server = start(address, |line| println!("{line}"))?;
    println!("{}\nhttp://{}", stack(drop)?, server.addresses()[0]);
    Ok(server.join()?)
}
