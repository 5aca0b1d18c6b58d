//! The tower service of one connection: request in, app called, response out.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body;
use pyo3::prelude::*;
use tower_service::Service;
use turbo_http::{Connection, RequestBody};

use super::coroutine::Exchange;
use super::http::{Facts, HttpCycle};
use super::response::{ResponseBody, assemble};
use super::scope::{self, Peer};
use super::server::Server;
use super::state::{Gathered, Head, State, gather};
use crate::reactor::after_python;

/// Serves the requests of one connection, one after the other.
pub(crate) struct AppService {
    context: Rc<Shared>,
}

struct Shared {
    server: Arc<Server>,
    connection: Connection,
    /// `None` when the interpreter could not build the connection's part of the scope.
    peer: Option<Peer>,
}

impl AppService {
    pub(crate) fn new(server: Arc<Server>, connection: Connection) -> Self {
        let peer = Python::attach(|py| {
            Peer::new(py, &server, &connection).map_err(|error| server.log_exception(py, error)).ok()
        });
        Self { context: Rc::new(Shared { server, connection, peer }) }
    }
}

impl Service<Request<RequestBody>> for AppService {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Responding;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Responding {
        let (parts, body) = request.into_parts();
        let context = Rc::clone(&self.context);
        if body.is_end_stream() {
            return context.start(parts, None, Bytes::new());
        }
        if parts.headers.contains_key(header::EXPECT) {
            // Reading is what makes hyper send `100 Continue`: the app decides (RFC 9110 10.1.1).
            return context.start(parts, Some(body), Bytes::new());
        }
        Responding {
            stage: Stage::Prefetching {
                context,
                request: Some((parts, body)),
                data: Bytes::new(),
                asked: false,
            },
        }
    }
}

impl Shared {
    fn start(self: Rc<Self>, parts: Parts, body: Option<RequestBody>, early: Bytes) -> Responding {
        let stage = Python::attach(|py| {
            let stage = match self.begin(py, parts, body, early) {
                Ok(cycle) => Stage::Running { context: self, cycle },
                Err(error) => {
                    self.server.log_exception(py, error);
                    Stage::Refused(Some(
                        self.refusal(StatusCode::INTERNAL_SERVER_ERROR, b"Internal Server Error"),
                    ))
                }
            };
            after_python(py);
            stage
        });
        Responding { stage }
    }

    fn begin(
        &self,
        py: Python<'_>,
        parts: Parts,
        body: Option<RequestBody>,
        early: Bytes,
    ) -> PyResult<Py<HttpCycle>> {
        let Some(peer) = &self.peer else {
            return Err(pyo3::exceptions::PyRuntimeError::new_err("the connection has no address"));
        };
        let scope = scope::build(py, &self.server, peer, &parts, None)?;
        let mut state = State::new(body, parts.method == Method::HEAD);
        if !early.is_empty() {
            state.prefetched(early);
        }
        let facts =
            Facts { method: parts.method, uri: parts.uri, version: parts.version, client: scope.client };
        let cycle = Py::new(py, HttpCycle::new(Arc::clone(&self.server), facts, state))?;
        if self.server.is_overloaded() {
            self.server.log_warning(py, "Exceeded concurrency limit.");
            cycle.get().answer_unavailable(py);
            return Ok(cycle);
        }
        self.server.run(py, Exchange::Http(cycle.clone_ref(py)), scope.dict)?;
        Ok(cycle)
    }

    fn refusal(&self, status: StatusCode, text: &'static [u8]) -> Response<ResponseBody> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        let head = Head { status, headers };
        let server = self.server.server_header.as_ref();
        assemble(head, ResponseBody::fixed(text), server, &self.server.reasons)
    }
}

/// A response in the making.
pub(crate) struct Responding {
    stage: Stage,
}

enum Stage {
    /// What has arrived of the body is read first, for one turn: an app that reads at once then
    /// finds it and need not suspend. A body that is still on its way never holds the app up.
    Prefetching {
        context: Rc<Shared>,
        request: Option<(Parts, RequestBody)>,
        data: Bytes,
        asked: bool,
    },
    Running {
        context: Rc<Shared>,
        cycle: Py<HttpCycle>,
    },
    Refused(Option<Response<ResponseBody>>),
    Answered,
}

impl Future for Responding {
    type Output = Result<Response<ResponseBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Stage::Prefetching { context, request, data, asked } = &mut self.stage
            && let Some((parts, mut body)) = request.take()
        {
            let outcome = gather(&mut body, data, cx);
            if matches!(outcome, Gathered::Open) && !std::mem::replace(asked, true) {
                *request = Some((parts, body));
                return Poll::Pending;
            }
            let rest = if matches!(outcome, Gathered::Ended) { None } else { Some(body) };
            let (context, data) = (Rc::clone(context), std::mem::take(data));
            let running = context.start(parts, rest, data);
            *self = running;
        }
        match &mut self.stage {
            Stage::Running { context, cycle } => {
                let Poll::Ready((response, close)) = HttpCycle::poll_response(cycle, cx) else {
                    return Poll::Pending;
                };
                if close {
                    context.connection.close_after_response();
                }
                self.stage = Stage::Answered;
                Poll::Ready(Ok(response))
            }
            Stage::Refused(response) => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                None => Poll::Pending,
            },
            Stage::Prefetching { .. } | Stage::Answered => Poll::Pending,
        }
    }
}

impl Drop for Responding {
    fn drop(&mut self) {
        if let Stage::Running { cycle, .. } = &self.stage {
            Python::attach(|py| cycle.get().disconnect(py));
        }
    }
}
