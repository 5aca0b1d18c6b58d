//! What a service does, as a page that Prometheus reads.
//!
//! A [`Recorder`] holds the metrics and writes the page; the layer records requests, and answers the page's path
//! if it is given one. Serving the page elsewhere, on a port that the world does not reach, takes
//! [`Recorder::page`] and a service of one line. Metrics of your own join by [`Recorder::add_source`].
//!
//! The label `route` comes from the service, which leaves its [`Route`] in the response's extensions.
//!
//! # Risks
//!
//! The page tells which routes there are and how they are used: think about who can reach its path.
//!
//! # Example
//!
//! ```
//! use std::convert::Infallible;
//!
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full};
//! use tower::{Service, ServiceBuilder, service_fn};
//! use turbo_middleware::metrics::{CountedBody, MetricsLayer, Recorder, Route};
//!
//! type Body = Full<bytes::Bytes>;
//!
//! async fn serve(_: Request<CountedBody<Body>>) -> Result<Response<Body>, Infallible> {
//!     let mut response = Response::new(Body::from("an item"));
//!     response.extensions_mut().insert(Route("/items/{id}".into()));
//!     Ok(response)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let layer = MetricsLayer::new(Recorder::new()).path("/metrics");
//! let mut service = ServiceBuilder::new().layer(layer).service(service_fn(serve));
//! service.call(Request::get("/items/1").body(Body::default())?).await?.collect().await?;
//!
//! let response = service.call(Request::get("/metrics").body(Body::default())?).await?;
//! let page = String::from_utf8(response.collect().await?.to_bytes().into())?;
//! assert!(page.contains("http_requests_total{method=\"GET\",route=\"/items/{id}\",status=\"2xx\"} 1\n"));
//! assert!(page.contains("http_response_body_bytes_total 7\n"));
//! # Ok(())
//! # }
//! ```

mod body;
mod future;
mod labels;
mod layer;
mod recorder;
mod sample;
mod service;
#[cfg(test)]
mod tests;

pub use body::CountedBody;
pub use future::ResponseFuture;
pub use labels::Route;
pub use layer::MetricsLayer;
pub use recorder::{Format, Recorder};
pub use sample::{Kind, Sample};
pub use service::Metrics;

/// Names the layer in [`Answered`](crate::answer::Answered).
pub const NAME: &str = "metrics";
