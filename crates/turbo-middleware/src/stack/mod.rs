//! All layers in the right order.
//!
//! [`Builder`] takes the layers in any order and composes them in the one below; [`Stack`] is the result, a
//! [`Layer`] for any [`Service`](tower_service::Service) of `http` requests and responses. It says what it
//! composed: [`Stack::names`] lists the layers, outermost first, and its `Display` joins them.
//!
//! | from the outside | why there |
//! |---|---|
//! | request id | whatever happens to the request further in can be named by it |
//! | body limit | next to the service: it is the service's reading that is counted |
//!
//! The service gets its request bodies as [`body_limit::RequestBody`](crate::body_limit::RequestBody), with or
//! without a limit. Nothing has to be `Send` or `'static`; what is composed is as much so as the service.
//!
//! # Example
//!
//! ```
//! use http::{Request, Response};
//! use http_body_util::Empty;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use turbo_middleware::Builder;
//! use turbo_middleware::body_limit::{BodyLimitLayer, RequestBody};
//! use turbo_middleware::request_id::RequestIdLayer;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! type Body = Empty<&'static [u8]>;
//! let stack =
//!     Builder::new().body_limit(BodyLimitLayer::new(1 << 20)).request_id(RequestIdLayer::new()).build();
//! assert_eq!(stack.to_string(), "request id > body limit");
//! let service = ServiceBuilder::new().layer(stack).service(service_fn(
//!     |_: Request<RequestBody<Body>>| async { Ok::<_, std::convert::Infallible>(Response::new(Body::new())) },
//! ));
//! let response = service.oneshot(Request::new(Body::new())).await?;
//! assert!(response.headers().contains_key("x-request-id"));
//! # Ok(())
//! # }
//! ```

mod builder;
#[cfg(test)]
mod tests;

use std::fmt;

use tower_layer::Layer;

pub use builder::Builder;

use crate::body_limit::{self, BodyLimit, BodyLimitLayer};
use crate::request_id::{self, RequestId, RequestIdLayer};

/// The layers of a [`Builder`], composed; see the [module docs](self).
#[derive(Clone, Debug)]
pub struct Stack {
    request_id: RequestIdLayer,
    body_limit: BodyLimitLayer,
}

/// The type of a service behind a [`Stack`].
pub type Stacked<S> = RequestId<BodyLimit<S>>;

impl Stack {
    /// The names of the layers that do something, outermost first.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        let all = [(self.request_id.is_on(), request_id::NAME), (self.body_limit.is_on(), body_limit::NAME)];
        all.into_iter().filter_map(|(on, name)| on.then_some(name))
    }

    /// Whether no layer does anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names().next().is_none()
    }
}

impl<S> Layer<S> for Stack {
    type Service = Stacked<S>;

    fn layer(&self, service: S) -> Stacked<S> {
        self.request_id.layer(self.body_limit.layer(service))
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names().enumerate() {
            if index > 0 {
                formatter.write_str(" > ")?;
            }
            formatter.write_str(name)?;
        }
        Ok(())
    }
}
