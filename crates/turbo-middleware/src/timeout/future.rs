use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::NAME;
use super::layer::Settings;
use crate::answer::{self, AnswerBody};

pin_project! {
    /// The future of [`Timeout`](super::Timeout).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        // Given up when the time is over.
        #[pin]
        inner: Option<F>,
        #[pin]
        clock: Clock,
        settings: Option<Settings>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = ClockProjection]
    enum Clock {
        // Most services answer at once, and cost no timer then.
        Wanted { deadline: Instant },
        Running { #[pin] sleep: Sleep },
        None,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(inner: F, settings: Option<Settings>) -> Self {
        let deadline = settings.and_then(|settings| Instant::now().checked_add(settings.after));
        let clock = deadline.map_or(Clock::None, |deadline| Clock::Wanted { deadline });
        Self { inner: Some(inner), clock, settings }
    }
}

impl<F, C, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<C>, E>>,
{
    type Output = Result<Response<AnswerBody<C>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(inner) = this.inner.as_mut().as_pin_mut()
            && let Poll::Ready(outcome) = inner.poll(cx)
        {
            return Poll::Ready(outcome.map(AnswerBody::pass));
        }
        loop {
            match this.clock.as_mut().project() {
                ClockProjection::Wanted { deadline } => {
                    let sleep = sleep_until(*deadline);
                    this.clock.set(Clock::Running { sleep });
                }
                ClockProjection::Running { sleep } => {
                    let (Poll::Ready(()), Some(settings)) = (sleep.poll(cx), *this.settings) else {
                        return Poll::Pending;
                    };
                    this.inner.set(None);
                    return Poll::Ready(Ok(answer::text(NAME, settings.status, "Request timed out")));
                }
                ClockProjection::None => return Poll::Pending,
            }
        }
    }
}
