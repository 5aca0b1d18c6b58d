use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;

use super::Answer;
use crate::answer::AnswerBody;

pin_project! {
    /// The future of a service, or of the layer that has answered in its place.
    #[derive(Debug)]
    pub struct AnswerFuture<F> {
        #[pin]
        step: Step<F>,
        by: &'static str,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = Projection]
    enum Step<F> {
        Called { #[pin] future: F },
        // Until it is taken.
        Answered { answer: Option<Answer> },
    }
}

impl<F> AnswerFuture<F> {
    pub(crate) fn called(by: &'static str, future: F) -> Self {
        Self { step: Step::Called { future }, by }
    }

    pub(crate) fn answered(by: &'static str, answer: Answer) -> Self {
        Self { step: Step::Answered { answer: Some(answer) }, by }
    }
}

impl<F, C, E> Future for AnswerFuture<F>
where
    F: Future<Output = Result<Response<C>, E>>,
{
    type Output = Result<Response<AnswerBody<C>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.step.project() {
            Projection::Called { future } => future.poll(cx).map_ok(AnswerBody::pass),
            Projection::Answered { answer } => match answer.take() {
                Some(answer) => Poll::Ready(Ok(answer.respond(this.by))),
                None => Poll::Pending,
            },
        }
    }
}
