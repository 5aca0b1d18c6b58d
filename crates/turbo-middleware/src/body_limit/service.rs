use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::CONTENT_LENGTH;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::body::{Excess, RequestBody};
use super::future::ResponseFuture;
use crate::answer::AnswerBody;

/// Refuses request bodies that are too large; see the [module docs](super).
#[derive(Clone, Debug)]
pub struct BodyLimit<S> {
    pub(super) inner: S,
    pub(super) limit: Option<u64>,
}

impl<S, B, C> Service<Request<B>> for BodyLimit<S>
where
    S: Service<Request<RequestBody<B>>, Response = Response<C>>,
    B: Body,
{
    type Response = Response<AnswerBody<C>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Some(limit) = self.limit else {
            return ResponseFuture::unlimited(self.inner.call(request.map(RequestBody::unlimited)));
        };
        if announced(&request) > limit {
            return ResponseFuture::refused();
        }
        // What has a length keeps to it: that is the promise of `size_hint`.
        if request.body().size_hint().exact().is_some() {
            return ResponseFuture::unlimited(self.inner.call(request.map(RequestBody::unlimited)));
        }
        let excess = Arc::new(Excess::default());
        let body = |body| RequestBody::limited(body, limit, Arc::clone(&excess));
        let future = self.inner.call(request.map(body));
        ResponseFuture::limited(future, excess)
    }
}

/// The length that the request says its body has, or will at least have.
fn announced<B: Body>(request: &Request<B>) -> u64 {
    let field = request.headers().get(CONTENT_LENGTH);
    let field = field.and_then(|value| value.to_str().ok()).and_then(|value| value.parse().ok());
    request.body().size_hint().lower().max(field.unwrap_or(0))
}
