use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::accept;
use super::body::ResponseBody;
use super::future::{Offer, ResponseFuture};
use super::layer::Settings;

/// Compresses response bodies; see the [module docs](super).
#[derive(Clone, Debug)]
pub struct Compression<S> {
    pub(super) inner: S,
    pub(super) settings: Option<Arc<Settings>>,
}

impl<S, B, C> Service<Request<B>> for Compression<S>
where
    S: Service<Request<B>, Response = Response<C>>,
    C: Body,
{
    type Response = Response<ResponseBody<C>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let offer = self.settings.as_ref().map(|settings| Offer {
            coding: accept::best(request.headers(), &settings.codings),
            settings: Arc::clone(settings),
        });
        ResponseFuture { inner: self.inner.call(request), offer }
    }
}
