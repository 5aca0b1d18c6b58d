//! Requests over a loopback connection to `turbo-http`, client and server on one thread; plain hyper beside it.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "criterion's macros; a benchmark stops when it is wrong"
)]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http::{Request, Response};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::task::spawn_local;
use turbo_http::{Config, ListenOptions, Listener, Shutdown};

const REQUEST: &[u8] =
    b"GET /items/1?q=x HTTP/1.1\r\nHost: bench\r\nAccept: */*\r\nUser-Agent: bench\r\n\r\n";
const BODY: &str = "{\"message\":\"Hello, World!\"}";
const PIPELINED: usize = 16;

async fn answer<B>(_request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(BODY.as_bytes()))))
}

fn turbo_http(runtime: &LocalRuntime) -> SocketAddr {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = Listener::tcp(any, &ListenOptions::default()).unwrap();
    let turbo_http::Address::Tcp(address) = listener.address().unwrap() else { panic!("not TCP") };
    runtime.block_on(async {
        spawn_local(async {
            let (handle, shutdown) = Shutdown::new();
            let config = Arc::new(Config::default());
            turbo_http::serve(listener, |_| tower::service_fn(answer), config, shutdown).await.unwrap();
            drop(handle);
        });
    });
    address
}

fn plain_hyper(runtime: &LocalRuntime) -> SocketAddr {
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let http = hyper::server::conn::http1::Builder::new();
                spawn_local(http.serve_connection(TokioIo::new(stream), service_fn(answer)));
            }
        });
        address
    })
}

/// Sends `count` requests at once and reads until as many whole responses have come.
async fn exchange(stream: &mut TcpStream, requests: &[u8], count: usize, response: &mut Vec<u8>) {
    stream.write_all(requests).await.unwrap();
    response.clear();
    // All responses are of one length, so the first tells how much to wait for.
    while response.len() < 64 || response.len() < one(response) * count {
        assert_ne!(stream.read_buf(response).await.unwrap(), 0, "the connection was closed");
    }
    assert!(response.starts_with(b"HTTP/1.1 200 OK\r\n") && response.ends_with(BODY.as_bytes()));
    assert_eq!(response.len(), one(response) * count);
}

fn one(responses: &[u8]) -> usize {
    let end = responses.windows(BODY.len()).position(|window| window == BODY.as_bytes());
    end.map_or(usize::MAX / PIPELINED, |end| end + BODY.len())
}

fn transport(c: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
    let servers = [("turbo-http", turbo_http(&runtime)), ("hyper", plain_hyper(&runtime))];
    for (kind, count) in [("request", 1), ("pipelined", PIPELINED)] {
        let mut group = c.benchmark_group(format!("transport/{kind}"));
        group.throughput(Throughput::Elements(count as u64));
        let requests = REQUEST.repeat(count);
        for (name, address) in servers {
            let mut stream = runtime.block_on(TcpStream::connect(address)).unwrap();
            stream.set_nodelay(true).unwrap();
            let mut response = Vec::with_capacity(64 * 1024);
            group.bench_function(name, |b| {
                b.iter(|| runtime.block_on(exchange(&mut stream, &requests, count, &mut response)));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, transport);
criterion_main!(benches);
