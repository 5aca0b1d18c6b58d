//! The limit for every server above `turbo-http`: a constant answer from one thread.
//!
//!     turbo-constant <address>
#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::num::NonZeroUsize;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::Full;
use turbo_http::{RequestBody, Server};

const BODY: &[u8] = br#"{"message":"Hello, World!"}"#;

async fn answer(_request: Request<RequestBody>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(BODY)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

fn main() -> Result<(), Box<dyn Error>> {
    let address: SocketAddr = std::env::args().nth(1).ok_or("usage: turbo-constant ADDRESS")?.parse()?;
    let server = Server::builder()
        .tcp(address)
        .workers(NonZeroUsize::MIN)
        .stop_on_signals(true)
        .start(tower::service_fn(answer))?;
    Ok(server.join()?)
}
