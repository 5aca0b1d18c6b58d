//! The future of one response.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, Response};
use pyo3::prelude::*;
use turbo_http::websocket::Handshake;

use super::exchange::Target;
use super::http::{
    Answered, Collected, Gathered, HIGH_WATER, HttpCycle, Inbound, ResponseBody, Rest, gather,
};
use super::meeting::{Answer, Meeting};
use super::planned::Facts;
use super::service::ConnectionContext;
use super::websocket::WebSocketSession;
use crate::plan::{Chosen, Plans};

/// A response in the making. Dropped before it is made, it tells the app of the disconnect.
///
/// Small, since every response moves in it through the layers below: a request whose body has to come is boxed.
pub(crate) struct Responding {
    stage: Stage,
}

enum Stage {
    /// What has arrived of the body is read before the app is called: an app that reads at once
    /// then finds it and need not suspend. A body that is on its way never holds the app up.
    Prefetching {
        context: Rc<ConnectionContext>,
        request: Option<Box<Inbound>>,
        /// The plans, one of which serves the request.
        plans: Option<Arc<Plans>>,
    },
    /// All of the body is read before its plan begins.
    Collecting {
        context: Rc<ConnectionContext>,
        chosen: Chosen,
        request: Option<Box<Inbound>>,
        body: Collected,
    },
    /// A task makes the calls of a plan.
    Planned {
        context: Rc<ConnectionContext>,
        meeting: Arc<Meeting>,
        /// Until they go into the response.
        facts: Option<Facts>,
    },
    Running {
        context: Rc<ConnectionContext>,
        cycle: Py<HttpCycle>,
    },
    Handshaking {
        context: Rc<ConnectionContext>,
        session: Py<WebSocketSession>,
        handshake: Option<Handshake>,
    },
    Ready(Option<Response<ResponseBody>>),
    Answered,
}

impl Responding {
    pub(crate) fn prefetching(
        context: Rc<ConnectionContext>,
        request: Inbound,
        plans: Option<Arc<Plans>>,
    ) -> Self {
        Self { stage: Stage::Prefetching { context, request: Some(Box::new(request)), plans } }
    }

    pub(crate) fn collecting(context: Rc<ConnectionContext>, chosen: Chosen, request: Inbound) -> Self {
        let request = Some(Box::new(request));
        Self { stage: Stage::Collecting { context, chosen, request, body: Collected::default() } }
    }

    pub(crate) fn planned(context: Rc<ConnectionContext>, meeting: Arc<Meeting>, facts: Facts) -> Self {
        Self { stage: Stage::Planned { context, meeting, facts: Some(facts) } }
    }

    pub(crate) fn aborted() -> Self {
        Self { stage: Stage::Answered }
    }

    pub(crate) fn running(context: Rc<ConnectionContext>, cycle: Py<HttpCycle>) -> Self {
        Self { stage: Stage::Running { context, cycle } }
    }

    pub(crate) fn handshaking(
        context: Rc<ConnectionContext>,
        session: Py<WebSocketSession>,
        handshake: Handshake,
    ) -> Self {
        Self { stage: Stage::Handshaking { context, session, handshake: Some(handshake) } }
    }

    pub(crate) fn ready(response: Response<ResponseBody>) -> Self {
        Self { stage: Stage::Ready(Some(response)) }
    }

    fn prefetch(&mut self, cx: &mut Context<'_>) {
        let Stage::Prefetching { context, request, plans } = &mut self.stage else { return };
        let Some(Inbound { rest: Rest::Open(body), early, .. }) = request.as_deref_mut() else { return };
        let before = early.len();
        let outcome = gather(body, early, cx);
        let may_go_on = early.len() > before && early.len() < HIGH_WATER;
        if matches!(outcome, Gathered::Open) && may_go_on {
            // hyper hands over a chunk at a time, and the next when it is polled again. uvicorn gives the app all
            // that came in one packet as one message.
            cx.waker().wake_by_ref();
            return;
        }
        let Some(mut request) = request.take() else { return };
        let (context, plans) = (Rc::clone(context), plans.take());
        match outcome {
            Gathered::Ended => request.rest = Rest::Nothing,
            Gathered::Open => {}
            Gathered::Lost => request.rest = Rest::Lost,
            Gathered::Malformed => {
                *self = Self::ready(Python::attach(|py| context.malformed(py)));
                return;
            }
            Gathered::TooLarge => {
                *self = Self::aborted();
                return;
            }
        }
        *self = context.start(*request, plans.map_or(Target::App, Target::Scoped));
    }

    fn collect(&mut self, cx: &mut Context<'_>) {
        let Stage::Collecting { context, chosen, request, body } = &mut self.stage else { return };
        let Some(Rest::Open(source)) = request.as_mut().map(|request| &mut request.rest) else { return };
        let outcome = body.gather(source, cx);
        if matches!(outcome, Gathered::Open) {
            return;
        }
        let Some(mut request) = request.take() else { return };
        let (context, chosen) = (Rc::clone(context), chosen.clone());
        request.early = body.take();
        request.rest = Rest::Nothing;
        *self = match outcome {
            Gathered::Malformed => Self::ready(Python::attach(|py| context.malformed(py))),
            Gathered::Lost => {
                request.rest = Rest::Lost;
                context.start(*request, Target::App)
            }
            Gathered::TooLarge => Self::aborted(),
            Gathered::Ended | Gathered::Open => context.answer(&chosen, *request),
        };
    }
}

impl Future for Responding {
    type Output = Result<Response<ResponseBody>, Aborted>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.prefetch(cx);
        self.collect(cx);
        if let Stage::Planned { context, meeting, facts } = &mut self.stage {
            match Python::attach(|py| meeting.poll(py, cx)) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Answer::Ready(payload)) => {
                    let response =
                        facts.take().map(|facts| context.respond(facts, payload, HeaderMap::new()));
                    self.stage = Stage::Answered;
                    return Poll::Ready(response.ok_or(Aborted));
                }
                Poll::Ready(Answer::Exchange(cycle)) => {
                    let context = Rc::clone(context);
                    self.stage = Stage::Running { context, cycle };
                }
                Poll::Ready(Answer::Nothing) => {
                    self.stage = Stage::Answered;
                    return Poll::Ready(Err(Aborted));
                }
            }
        }
        let outcome = match &mut self.stage {
            Stage::Prefetching { request: Some(_), .. }
            | Stage::Collecting { .. }
            | Stage::Planned { .. } => {
                return Poll::Pending;
            }
            Stage::Running { context, cycle } => match HttpCycle::poll_response(cycle, cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Answered::Response { response, close }) => {
                    if cycle.get().outlives_its_body() {
                        context.remember(cycle);
                    }
                    if close {
                        context.close_behind_response();
                    }
                    Ok(response)
                }
                Poll::Ready(Answered::Malformed) => Ok(Python::attach(|py| context.malformed(py))),
                Poll::Ready(Answered::Nothing) => Err(Aborted),
            },
            Stage::Handshaking { context, session, handshake } => {
                let Some(answer) = session.get().poll_answer(cx) else { return Poll::Pending };
                match handshake.take() {
                    Some(handshake) => Ok(context.conclude(answer, handshake, session)),
                    None => Err(Aborted),
                }
            }
            Stage::Ready(response) => response.take().ok_or(Aborted),
            Stage::Prefetching { .. } | Stage::Answered => Err(Aborted),
        };
        self.stage = Stage::Answered;
        Poll::Ready(outcome)
    }
}

impl Drop for Responding {
    fn drop(&mut self) {
        match &self.stage {
            Stage::Running { cycle, .. } => Python::attach(|py| cycle.get().disconnect(py)),
            Stage::Planned { meeting, .. } => {
                meeting.kept.lose();
                Python::attach(|py| {
                    if let Some(Answer::Exchange(cycle)) = meeting.take(py) {
                        cycle.get().disconnect(py);
                    }
                });
            }
            Stage::Handshaking { session, .. } => {
                Python::attach(|py| session.get().abandoned(py));
            }
            _ => {}
        }
    }
}

/// There is nobody to answer any more: the connection ends without a response.
#[derive(Debug)]
pub(crate) struct Aborted;

impl fmt::Display for Aborted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the request ended without a response")
    }
}

impl std::error::Error for Aborted {}
