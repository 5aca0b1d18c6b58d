use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::{NAME, Policy};
use crate::answer::AnswerBody;
use crate::early::{AnswerFuture, RequestHead};

/// Refuses requests for other hosts; see the [module docs](super).
#[derive(Clone, Debug)]
pub struct TrustedHost<S> {
    pub(super) inner: S,
    pub(super) policy: Arc<Policy>,
}

impl<S, B, C> Service<Request<B>> for TrustedHost<S>
where
    S: Service<Request<B>, Response = Response<C>>,
{
    type Response = Response<AnswerBody<C>>;
    type Error = S::Error;
    type Future = AnswerFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.policy.answer(RequestHead::of(&request)) {
            Some(answer) => AnswerFuture::answered(NAME, answer),
            None => AnswerFuture::called(NAME, self.inner.call(request)),
        }
    }
}
