use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response, header};
use tower_service::Service;

use super::future::ResponseFuture;
use super::{Grant, Policy};
use crate::answer::AnswerBody;
use crate::early::{Before, RequestHead};

/// Answers preflights and tells browsers who may read responses; see the [module docs](super).
#[derive(Clone, Debug)]
pub struct Cors<S> {
    pub(super) inner: S,
    pub(super) policy: Arc<Policy>,
}

impl<S, B, C> Service<Request<B>> for Cors<S>
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
        if let Before::Answer(answer) = self.policy.before(RequestHead::of(&request)) {
            return ResponseFuture::answered(answer);
        }
        // A predicate that cannot tell does not allow.
        let grant = self.policy.grant(request.headers().get(header::ORIGIN)).unwrap_or(Grant::Unnamed);
        ResponseFuture::called(self.inner.call(request), Arc::clone(&self.policy), grant)
    }
}
