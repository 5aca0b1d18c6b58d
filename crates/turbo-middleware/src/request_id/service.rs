use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::future::{Mark, ResponseFuture};
use super::id::Id;
use super::layer::Settings;

/// Gives each request an id; see the [module docs](super).
#[derive(Clone, Debug)]
pub struct RequestId<S> {
    pub(super) inner: S,
    pub(super) settings: Option<Arc<Settings>>,
}

impl<S, B, C> Service<Request<B>> for RequestId<S>
where
    S: Service<Request<B>, Response = Response<C>>,
{
    type Response = Response<C>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let mark = self.settings.as_ref().map(|settings| {
            let incoming = if settings.accept_incoming {
                Id::incoming(request.headers(), &settings.header)
            } else {
                None
            };
            let id = incoming.unwrap_or_else(|| {
                let id = Id::random();
                request.headers_mut().insert(settings.header.clone(), id.header_value().clone());
                id
            });
            request.extensions_mut().insert(id.clone());
            Mark { header: settings.header.clone(), id }
        });
        ResponseFuture { inner: self.inner.call(request), mark }
    }
}
