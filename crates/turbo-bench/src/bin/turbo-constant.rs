//! The limit for every server above `turbo-http`: a constant JSON answer from one thread.
//!
//!     turbo-constant [--hyper] ADDRESS [BODY-FILE [STATUS]]
//!
//! A request's body is read to its end, as a handler that wants it must. With `--hyper` the transport is hyper
//! alone, without what `turbo-http` adds (limits, timeouts, draining): the difference is the price of those.
#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::num::NonZeroUsize;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, LocalOptions};
use turbo_http::Server;

const BODY: &[u8] = br#"{"message":"Hello, World!"}"#;

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    body: Bytes,
}

impl Answer {
    async fn respond<B: Body + Unpin>(
        self,
        request: Request<B>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let mut body = request.into_body();
        while let Some(Ok(_)) = body.frame().await {}
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(response)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let plain = arguments.first().is_some_and(|first| first == "--hyper");
    if plain {
        arguments.remove(0);
    }
    let mut arguments = arguments.into_iter();
    let address: SocketAddr =
        arguments.next().ok_or("usage: turbo-constant [--hyper] ADDRESS [BODY-FILE [STATUS]]")?.parse()?;
    let body = arguments.next().map(std::fs::read).transpose()?;
    let answer = Answer {
        body: body.map_or(Bytes::from_static(BODY), Bytes::from),
        status: arguments.next().map_or(Ok(StatusCode::OK), |status| status.parse())?,
    };
    if plain { with_hyper(address, &answer) } else { with_turbo_http(address, &answer) }
}

fn with_turbo_http(address: SocketAddr, answer: &Answer) -> Result<(), Box<dyn Error>> {
    let answer = answer.clone();
    let server = Server::builder()
        .tcp(address)
        .workers(NonZeroUsize::MIN)
        .stop_on_signals(true)
        .start(tower::service_fn(move |request| answer.clone().respond(request)))?;
    Ok(server.join()?)
}

fn with_hyper(address: SocketAddr, answer: &Answer) -> Result<(), Box<dyn Error>> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let answer = answer.clone();
            let service = hyper::service::service_fn(move |request| answer.clone().respond(request));
            tokio::task::spawn_local(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    })
}
