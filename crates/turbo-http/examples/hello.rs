//! Answers every request with a line of text: `cargo run -p turbo-http --example hello -- 127.0.0.1:8000`.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;

use http::{Request, Response};
use http_body_util::Full;
use turbo_http::{RequestBody, Server};

async fn hello(request: Request<RequestBody>) -> Result<Response<Full<bytes::Bytes>>, Infallible> {
    Ok(Response::new(format!("hello from {}\n", request.uri().path()).into()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let address: SocketAddr = std::env::args().nth(1).as_deref().unwrap_or("127.0.0.1:8000").parse()?;
    let server = Server::builder().tcp(address).stop_on_signals(true).start(tower::service_fn(hello))?;
    println!("http://{}", server.addresses()[0]);
    Ok(server.join()?)
}
