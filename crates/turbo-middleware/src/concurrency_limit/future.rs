use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use super::gate::Permit;
use crate::answer::AnswerBody;

pin_project! {
    /// The response of [`ConcurrencyLimit`](super::ConcurrencyLimit).
    pub struct ResponseFuture<F, C> {
        #[pin]
        stage: Stage<F, C>,
    }
}

pin_project! {
    #[project = Projection]
    enum Stage<F, C> {
        Running { #[pin] inner: F, permit: Option<Permit> },
        Refused { response: Option<Response<AnswerBody<C>>> },
    }
}

impl<F, C> ResponseFuture<F, C> {
    pub(super) fn running(inner: F, permit: Option<Permit>) -> Self {
        Self { stage: Stage::Running { inner, permit } }
    }

    pub(super) fn refused(response: Response<AnswerBody<C>>) -> Self {
        Self { stage: Stage::Refused { response: Some(response) } }
    }
}

impl<F, C, E> Future for ResponseFuture<F, C>
where
    F: Future<Output = Result<Response<C>, E>>,
{
    type Output = Result<Response<AnswerBody<C>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().stage.project() {
            Projection::Running { inner, permit } => {
                let response = ready!(inner.poll(cx));
                *permit = None;
                Poll::Ready(response.map(AnswerBody::pass))
            }
            Projection::Refused { response } => {
                response.take().map_or(Poll::Pending, |it| Poll::Ready(Ok(it)))
            }
        }
    }
}
