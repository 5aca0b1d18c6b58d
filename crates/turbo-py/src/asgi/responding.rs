//! The future of one response.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use pyo3::prelude::*;
use turbo_http::RequestBody;
use turbo_http::websocket::Handshake;

use super::http::{Answered, Gathered, HttpCycle, ResponseBody, Rest, gather};
use super::service::ConnectionContext;
use super::websocket::WebSocketSession;

/// A response in the making. Dropped before it is made, it tells the app of the disconnect.
pub(crate) struct Responding {
    stage: Stage,
}

enum Stage {
    /// What has arrived of the body is read before the app is called: an app that reads at once
    /// then finds it and need not suspend. A body that is on its way never holds the app up.
    Prefetching {
        context: Rc<ConnectionContext>,
        request: Option<(Parts, RequestBody)>,
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
    Refused(Option<Response<ResponseBody>>),
    Answered,
}

impl Responding {
    pub(crate) fn prefetching(context: Rc<ConnectionContext>, parts: Parts, body: RequestBody) -> Self {
        Self { stage: Stage::Prefetching { context, request: Some((parts, body)) } }
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

    pub(crate) fn refused(response: Response<ResponseBody>) -> Self {
        Self { stage: Stage::Refused(Some(response)) }
    }

    fn prefetch(&mut self, cx: &mut Context<'_>) {
        let Stage::Prefetching { context, request } = &mut self.stage else { return };
        let Some((parts, mut body)) = request.take() else { return };
        let context = Rc::clone(context);
        let mut early = Bytes::new();
        let rest = match gather(&mut body, &mut early, cx) {
            Gathered::Ended => Rest::Nothing,
            Gathered::Open => Rest::Open(body),
            Gathered::Lost => Rest::Lost,
            Gathered::Malformed => {
                *self = Self::refused(Python::attach(|py| context.malformed(py)));
                return;
            }
        };
        *self = context.start(parts, rest, early);
    }
}

impl Future for Responding {
    type Output = Result<Response<ResponseBody>, Aborted>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.prefetch(cx);
        let outcome = match &mut self.stage {
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
            Stage::Refused(response) => response.take().ok_or(Aborted),
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
