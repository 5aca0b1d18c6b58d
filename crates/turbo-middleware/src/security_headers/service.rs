use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderName, HeaderValue, Request, Response};
use tower_service::Service;

use super::future::ResponseFuture;
use crate::forwarded::Scheme;

/// Adds headers to responses that lack them; see the [module docs](super).
#[derive(Clone, Debug)]
pub struct SecurityHeaders<S> {
    pub(super) inner: S,
    pub(super) headers: Arc<Vec<(HeaderName, HeaderValue)>>,
}

impl<S, B, C> Service<Request<B>> for SecurityHeaders<S>
where
    S: Service<Request<B>, Response = Response<C>>,
{
    type Response = Response<C>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let in_the_open = request.extensions().get::<Scheme>().is_some_and(|scheme| !scheme.is_secure());
        ResponseFuture { inner: self.inner.call(request), headers: Arc::clone(&self.headers), in_the_open }
    }
}
