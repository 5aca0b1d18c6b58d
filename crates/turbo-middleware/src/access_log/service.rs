use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{Request, Response, StatusCode};
use tower_service::Service;

use super::entry::Entry;
use super::future::{Pending, ResponseFuture};
use super::layer::Sink;

/// Reports every response; see the [module docs](super).
#[derive(Clone)]
pub struct AccessLog<S> {
    pub(super) inner: S,
    pub(super) sink: Option<Arc<Sink>>,
}

impl<S, B, C> Service<Request<B>> for AccessLog<S>
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
        let pending = self.sink.as_ref().map(|sink| {
            let entry = Entry {
                client: request.extensions().get().cloned(),
                method: request.method().clone(),
                uri: request.uri().clone(),
                version: request.version(),
                status: StatusCode::OK,
                elapsed: Duration::ZERO,
                request_id: request.extensions().get().cloned(),
            };
            Box::new(Pending { entry, begun: Instant::now(), sink: Arc::clone(sink) })
        });
        ResponseFuture { inner: self.inner.call(request), pending }
    }
}

impl<S: fmt::Debug> fmt::Debug for AccessLog<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AccessLog").field("inner", &self.inner).finish_non_exhaustive()
    }
}
