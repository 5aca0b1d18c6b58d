//! The upper line of the comparison: the routes of `benchmarks/compare` on bare hyper and on axum, on one thread.
//!
//!     turbo-upper hyper|axum ADDRESS
#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;

use axum::extract::{Path, Query};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, LocalOptions};

#[derive(Deserialize, Serialize)]
struct Message {
    message: String,
}

#[derive(Serialize)]
struct Item {
    item_id: i64,
    q: Option<String>,
}

#[derive(Deserialize)]
struct Filter {
    q: Option<String>,
}

#[derive(Deserialize)]
struct Order {
    name: String,
    price: f64,
    quantity: u32,
    tags: Vec<String>,
}

#[derive(Serialize)]
struct Priced {
    name: String,
    total: f64,
    tags: usize,
}

impl Order {
    fn price(self) -> Priced {
        Priced { total: self.price * f64::from(self.quantity), name: self.name, tags: self.tags.len() }
    }
}

fn message() -> Message {
    Message { message: "Hello, World!".to_owned() }
}

fn main() -> Result<(), Box<dyn Error>> {
    let [kind, address] = &std::env::args().skip(1).collect::<Vec<_>>()[..] else {
        return Err("usage: turbo-upper hyper|axum ADDRESS".into());
    };
    let address: SocketAddr = address.parse()?;
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        match &kind[..] {
            "hyper" => with_hyper(listener).await,
            "axum" => with_axum(listener).await,
            other => Err(format!("neither hyper nor axum: {other}").into()),
        }
    })
}

async fn with_axum(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    let routes = Router::new()
        .route("/plaintext", get(|| async { "Hello, World!" }))
        .route("/json", get(|| async { Json(message()) }))
        .route(
            "/items/{item_id}",
            get(|Path(item_id): Path<i64>, Query(filter): Query<Filter>| async move {
                Json(Item { item_id, q: filter.q })
            }),
        )
        .route("/orders", post(|Json(order): Json<Order>| async move { Json(order.price()) }));
    Ok(axum::serve(listener, routes).await?)
}

async fn with_hyper(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::task::spawn_local(
            http1::Builder::new()
                .pipeline_flush(true)
                .serve_connection(TokioIo::new(stream), service_fn(bare)),
        );
    }
}

async fn bare(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (kind, body) = match request.uri().path() {
        "/plaintext" => ("text/plain", Ok(b"Hello, World!".to_vec())),
        "/json" => ("application/json", serde_json::to_vec(&message())),
        "/orders" => {
            let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
            let order = serde_json::from_slice(&body.unwrap_or_default());
            ("application/json", order.and_then(|order: Order| serde_json::to_vec(&order.price())))
        }
        _ => ("text/plain", Err(serde::de::Error::custom("no such route"))),
    };
    let mut response = Response::new(Full::default());
    match body {
        Ok(body) => *response.body_mut() = Full::from(body),
        Err(_) => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(response)
}
