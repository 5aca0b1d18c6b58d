use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use http::{Method, Response, StatusCode};
use pin_project_lite::pin_project;

use super::body::{CountedBody, Direction};
use super::labels::Route;
use super::recorder::Recorder;
use crate::answer::AnswerBody;

pin_project! {
    /// The response of [`Metrics`](super::Metrics).
    pub struct ResponseFuture<F, C> {
        #[pin]
        stage: Stage<F, C>,
    }
}

pin_project! {
    #[project = Projection]
    enum Stage<F, C> {
        Running { #[pin] inner: F, watch: Option<Watch> },
        Page { response: Option<Response<AnswerBody<C>>> },
    }
}

impl<F, C> ResponseFuture<F, C> {
    pub(super) fn running(inner: F, watch: Option<Watch>) -> Self {
        Self { stage: Stage::Running { inner, watch } }
    }

    pub(super) fn page(response: Response<AnswerBody<C>>) -> Self {
        Self { stage: Stage::Page { response: Some(response) } }
    }
}

impl<F, C, E> Future for ResponseFuture<F, CountedBody<C>>
where
    F: Future<Output = Result<Response<C>, E>>,
{
    type Output = Result<Response<AnswerBody<CountedBody<C>>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (inner, watch) = match self.project().stage.project() {
            Projection::Running { inner, watch } => (inner, watch),
            Projection::Page { response } => {
                return response.take().map_or(Poll::Pending, |it| Poll::Ready(Ok(it)));
            }
        };
        let response = ready!(inner.poll(cx))?;
        let recorder = watch.take().map(|watch| {
            let route = response.extensions().get::<Route>();
            watch.answered(route.map(|Route(route)| &**route), response.status())
        });
        let counted = |body| CountedBody::new(body, recorder, Direction::Out);
        Poll::Ready(Ok(AnswerBody::pass(response.map(counted))))
    }
}

/// A request that has no answer yet; dropped early, it records that the client left.
pub(super) struct Watch {
    recorder: Recorder,
    method: Method,
    start: Instant,
    answered: bool,
}

impl Watch {
    pub(super) fn new(recorder: Recorder, method: Method) -> Self {
        recorder.began();
        Self { recorder, method, start: Instant::now(), answered: false }
    }

    fn answered(mut self, route: Option<&str>, status: StatusCode) -> Recorder {
        self.answered = true;
        self.recorder.record(&self.method, route, Some(status), self.start.elapsed());
        self.recorder.clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.answered {
            self.recorder.record(&self.method, None, None, self.start.elapsed());
        }
        self.recorder.ended();
    }
}
