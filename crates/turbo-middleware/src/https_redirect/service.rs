use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::{NAME, Policy};
use crate::answer::AnswerBody;
use crate::early::{AnswerFuture, RequestHead};

/// Redirects requests without TLS; see the [module docs](super).
#[derive(Clone, Copy, Debug)]
pub struct HttpsRedirect<S> {
    pub(super) inner: S,
}

impl<S, B, C> Service<Request<B>> for HttpsRedirect<S>
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
        match Policy.answer(RequestHead::of(&request)) {
            Some(answer) => AnswerFuture::answered(NAME, answer),
            None => AnswerFuture::called(NAME, self.inner.call(request)),
        }
    }
}
