use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::NAME;
use super::key::Key;
use super::layer::Settings;
use super::limiter::{Check, Verdict};
use super::quota::Decision;
use crate::answer::{AnswerBody, Answered};

pin_project! {
    /// The response of [`RateLimit`](super::RateLimit).
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        stage: Stage<S, B>,
    }
}

pin_project! {
    #[project = Projection]
    enum Stage<S, B>
    where
        S: Service<Request<B>>,
    {
        Checking {
            #[pin]
            check: Check,
            settings: Arc<Settings>,
            call: Option<(S, Request<B>)>,
        },
        Admitted {
            #[pin]
            inner: S::Future,
            decision: Option<(Arc<Settings>, Decision)>,
        },
    }
}

impl<S: Service<Request<B>>, B> ResponseFuture<S, B> {
    pub(super) fn new(settings: Arc<Settings>, key: &Key, inner: S, request: Request<B>) -> Self {
        let check = settings.limiter.check(key);
        Self { stage: Stage::Checking { check, settings, call: Some((inner, request)) } }
    }

    pub(super) fn exempt(inner: S::Future) -> Self {
        Self { stage: Stage::Admitted { inner, decision: None } }
    }
}

impl<S, B, C> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<C>>,
{
    type Output = Result<Response<AnswerBody<C>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = self.project().stage;
        loop {
            let next = match stage.as_mut().project() {
                Projection::Checking { check, settings, call } => {
                    let verdict = ready!(check.poll(cx));
                    if let Some(refusal) = settings.limiter.refusal(&verdict) {
                        let mut response = refusal.map(AnswerBody::full);
                        response.extensions_mut().insert(Answered(NAME));
                        return Poll::Ready(Ok(response));
                    }
                    let decision = match verdict {
                        Verdict::Admitted(Some(decision)) => Some((Arc::clone(settings), decision)),
                        _ => None,
                    };
                    let Some((mut inner, request)) = call.take() else {
                        // Polled again after a refusal, which no future has to bear.
                        return Poll::Pending;
                    };
                    Stage::Admitted { inner: inner.call(request), decision }
                }
                Projection::Admitted { inner, decision } => {
                    let mut response = ready!(inner.poll(cx))?;
                    if let Some((settings, decision)) = decision {
                        settings.limiter.describe(response.headers_mut(), decision);
                    }
                    return Poll::Ready(Ok(AnswerBody::pass(response)));
                }
            };
            stage.set(next);
        }
    }
}
