use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;

use super::{Grant, NAME, Policy};
use crate::answer::AnswerBody;
use crate::early::Answer;

pin_project! {
    /// The future of [`Cors`](super::Cors).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        step: Step<F>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = Projection]
    enum Step<F> {
        Called { #[pin] future: F, policy: Arc<Policy>, grant: Grant },
        // Until it is taken.
        Answered { answer: Option<Answer> },
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn called(future: F, policy: Arc<Policy>, grant: Grant) -> Self {
        Self { step: Step::Called { future, policy, grant } }
    }

    pub(super) fn answered(answer: Answer) -> Self {
        Self { step: Step::Answered { answer: Some(answer) } }
    }
}

impl<F, C, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<C>, E>>,
{
    type Output = Result<Response<AnswerBody<C>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().step.project() {
            Projection::Called { future, policy, grant } => future.poll(cx).map_ok(|mut response| {
                policy.after(std::mem::replace(grant, Grant::Absent), response.headers_mut());
                AnswerBody::pass(response)
            }),
            Projection::Answered { answer } => match answer.take() {
                Some(answer) => Poll::Ready(Ok(answer.respond(NAME))),
                None => Poll::Pending,
            },
        }
    }
}
