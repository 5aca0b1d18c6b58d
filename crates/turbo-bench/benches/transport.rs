//! Requests over a loopback connection to `turbo-http`, client and server on one thread; plain hyper beside it.
//!
//! The difference of `browser` and `request` is what the header lines of a browser cost, from bytes to a `HeaderMap`;
//! that of `body` and `request`, a JSON body that the service reads. The client's part is the same everywhere.
#![allow(clippy::unwrap_used, reason = "a benchmark stops when it is wrong")]

mod suite;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use criterion::Throughput;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use suite::Suite;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::task::spawn_local;
use turbo_http::{Config, ListenOptions, Listener, Shutdown};

const REQUEST: &[u8] =
    b"GET /items/1?q=x HTTP/1.1\r\nHost: bench\r\nAccept: */*\r\nUser-Agent: bench\r\n\r\n";
/// What a browser sends for a page that fetches JSON.
const BROWSER: &[u8] = b"GET /items/1?q=x HTTP/1.1\r\nHost: shop.example.org\r\nConnection: keep-alive\r\n\
    sec-ch-ua: \"Chromium\";v=\"142\", \"Not A(Brand\";v=\"24\"\r\nsec-ch-ua-mobile: ?0\r\n\
    sec-ch-ua-platform: \"Linux\"\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like \
    Gecko) Chrome/142.0.0.0 Safari/537.36\r\nAccept: application/json, text/plain, */*\r\nSec-Fetch-Site: \
    same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nReferer: https://shop.example.org/\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9,de;q=0.8\r\nCookie: \
    session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes\r\n\r\n";
const WITH_BODY: &[u8] = b"POST /items HTTP/1.1\r\nHost: bench\r\nAccept: */*\r\nUser-Agent: bench\r\n\
    Content-Type: application/json\r\nContent-Length: 56\r\n\r\n\
    {\"name\": \"lamp\", \"price\": 20, \"tags\": [\"light\", \"desk\"]}";
const BODY: &str = "{\"message\":\"Hello, World!\"}";
const PIPELINED: usize = 16;

async fn answer<B: Body + Unpin>(request: Request<B>) -> Result<Response<Full<Bytes>>, Infallible> {
    let posted = request.method() == Method::POST;
    let mut body = request.into_body();
    let mut received = 0;
    while let Some(Ok(frame)) = body.frame().await {
        received += frame.data_ref().map_or(0, Buf::remaining);
    }
    assert_eq!(received, if posted { 56 } else { 0 });
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

fn transport(suite: &mut Suite) {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
    let (ours, plain) = (turbo_http(&runtime), plain_hyper(&runtime));
    let kinds = [
        ("request", REQUEST, 1),
        ("pipelined", REQUEST, PIPELINED),
        ("browser", BROWSER, 1),
        ("body", WITH_BODY, 1),
    ];
    for (kind, request, count) in kinds {
        let name = format!("transport/{kind}");
        let mut group = suite.group(&name);
        group.throughput(Throughput::Elements(count as u64));
        let requests = request.repeat(count);
        let connect = |address| {
            let stream = runtime.block_on(TcpStream::connect(address)).unwrap();
            stream.set_nodelay(true).unwrap();
            (stream, Vec::with_capacity(64 * 1024))
        };
        let (mut stream, mut response) = connect(ours);
        group.case("turbo-http", || {
            runtime.block_on(exchange(&mut stream, &requests, count, &mut response));
        });
        let (mut stream, mut response) = connect(plain);
        group.rival("hyper", None, || {
            runtime.block_on(exchange(&mut stream, &requests, count, &mut response));
        });
    }
}

fn main() {
    suite::run(&[transport]);
}
