use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::CONNECTION;
use http::{HeaderValue, Response, StatusCode};
use pin_project_lite::pin_project;

use super::NAME;
use super::body::Excess;
use crate::answer::{self, AnswerBody};

pin_project! {
    /// The future of [`BodyLimit`](super::BodyLimit).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        step: Step<F>,
        excess: Option<Arc<Excess>>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = Projection]
    enum Step<F> {
        Called { #[pin] future: F },
        Refused,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn unlimited(future: F) -> Self {
        Self { step: Step::Called { future }, excess: None }
    }

    pub(super) fn limited(future: F, excess: Arc<Excess>) -> Self {
        Self { step: Step::Called { future }, excess: Some(excess) }
    }

    pub(super) fn refused() -> Self {
        Self { step: Step::Refused, excess: None }
    }
}

impl<F, C, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<C>, E>>,
{
    type Output = Result<Response<AnswerBody<C>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Projection::Called { future } = this.step.as_mut().project() else {
            return Poll::Ready(Ok(too_large()));
        };
        let polled = future.poll(cx);
        // Whatever the service made of the failure, the reason for it is known here.
        if this.excess.as_ref().is_some_and(|excess| excess.poll(cx.waker())) {
            this.step.set(Step::Refused);
            return Poll::Ready(Ok(too_large()));
        }
        polled.map(|outcome| outcome.map(AnswerBody::pass))
    }
}

fn too_large<C>() -> Response<AnswerBody<C>> {
    let mut response = answer::text(NAME, StatusCode::PAYLOAD_TOO_LARGE, "Content Too Large");
    // RFC 9110 section 15.5.14.
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
