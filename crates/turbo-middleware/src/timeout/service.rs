use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::future::ResponseFuture;
use super::layer::Settings;
use crate::answer::AnswerBody;

/// Answers for a service that takes too long; see the [module docs](super).
#[derive(Clone, Debug)]
pub struct Timeout<S> {
    pub(super) inner: S,
    pub(super) settings: Option<Settings>,
}

impl<S, B, C> Service<Request<B>> for Timeout<S>
where
    S: Service<Request<B>, Response = Response<C>>,
{
    type Response = Response<AnswerBody<C>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ResponseFuture::new(self.inner.call(request), self.settings)
    }
}
