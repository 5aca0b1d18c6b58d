use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::future::ResponseFuture;
use super::layer::Settings;
use crate::answer::AnswerBody;

/// Refuses requests of keys that make too many; see the [module docs](super).
#[derive(Clone, Debug)]
pub struct RateLimit<S> {
    pub(super) inner: S,
    pub(super) settings: Option<Arc<Settings>>,
}

impl<S, B, C> Service<Request<B>> for RateLimit<S>
where
    S: Service<Request<B>, Response = Response<C>> + Clone,
{
    type Response = Response<AnswerBody<C>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Some(settings) = &self.settings else { return ResponseFuture::exempt(self.inner.call(request)) };
        let (parts, body) = request.into_parts();
        let key = settings.key.key(&parts);
        let request = Request::from_parts(parts, body);
        let Some(key) = key else { return ResponseFuture::exempt(self.inner.call(request)) };
        // The service that said it is ready is the one to call.
        let next = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, next);
        ResponseFuture::new(Arc::clone(settings), &key, ready, request)
    }
}
