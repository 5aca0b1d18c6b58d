//! `receive` and `send` of one HTTP request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version, header};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use pyo3::{IntoPyObjectExt, intern};
use turbo_http::Connection;
use turbo_middleware::metrics::Route;

use super::super::access::Row;
use super::super::exchange::Outcome;
use super::super::label;
use super::super::message;
use super::super::server::Server;
use super::awaiting::{Deferred, Drain, Receive, Turn};
use super::body;
use super::response::{FlowBody, ResponseBody, assemble, plain_text};
use super::state::{Head, Length, State};
use crate::reactor::{Awaitable, ThreadBound, after_python, resolve_all, wake_soon};

/// What is remembered of a request for its log line.
pub(crate) struct Facts {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) version: Version,
    pub(crate) client: Arc<str>,
}

/// One request and its response, shared by the app and the connection.
#[pyclass(frozen, module = "turboapi._engine")]
pub(crate) struct HttpCycle {
    server: Arc<Server>,
    facts: Facts,
    /// Until the app has ended.
    connection: ThreadBound<Connection>,
    state: Mutex<State>,
}

#[pymethods]
impl HttpCycle {
    /// The ASGI `receive` callable of this request.
    fn receive(slf: Py<Self>) -> Awaitable {
        Awaitable::new(Receive::new(slf))
    }

    /// The ASGI `send` callable of this request; its effect happens at the call.
    fn send(slf: &Bound<'_, Self>, message: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = message.py();
        let cycle = slf.get();
        let message = message::message(message)?;
        if !cycle.server.core.is_owner() {
            let cycle = slf.clone().unbind();
            return Awaitable::new(Deferred { cycle, message: message.unbind() }).into_py_any(py);
        }
        match cycle.accept(py, &message)? {
            Accepted::Taken => Ok(cycle.server.done.clone_ref(py)),
            Accepted::Congested => Awaitable::new(Drain::new(slf.clone().unbind())).into_py_any(py),
            Accepted::Dropped => Awaitable::new(Turn::default()).into_py_any(py),
        }
    }

    /// Takes a whole response that its `content-length` describes; false when only messages can say it.
    fn answer(
        &self,
        status: &Bound<'_, PyAny>,
        headers: &Bound<'_, PyAny>,
        body: &Bound<'_, PyBytes>,
    ) -> PyResult<bool> {
        let untouched = {
            let state = self.lock();
            !(state.started || state.complete || state.disconnected)
        };
        if !untouched || !self.server.core.is_owner() {
            return Ok(false);
        }
        let head = self.head(message::final_status(status)?, Some(headers))?;
        let described = head.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        if described.and_then(|length| length.parse().ok()) != Some(body.as_bytes().len()) {
            return Ok(false);
        }
        self.start(head);
        self.push(body.py(), message::bytes(body)?, false)?;
        Ok(true)
    }
}

impl HttpCycle {
    pub(crate) fn new(server: Arc<Server>, connection: Connection, facts: Facts, state: State) -> Self {
        let connection = ThreadBound::new(connection);
        Self { server, facts, connection, state: Mutex::new(state) }
    }

    pub(super) fn server(&self) -> &Arc<Server> {
        &self.server
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one message of the app.
    pub(super) fn accept(&self, py: Python<'_>, message: &Bound<'_, PyDict>) -> PyResult<Accepted> {
        let kind = message::kind(message)?;
        let kind = kind.to_str()?;
        let (started, complete, gone) = {
            let state = self.lock();
            (state.started, state.complete, state.disconnected)
        };
        if gone {
            return Ok(Accepted::Dropped);
        }
        if complete {
            return Err(PyRuntimeError::new_err(format!(
                "Unexpected ASGI message '{kind}' sent, after response already completed."
            )));
        }
        let expected = if started { "http.response.body" } else { "http.response.start" };
        if kind != expected {
            return Err(PyRuntimeError::new_err(format!(
                "Expected ASGI message '{expected}', but got '{kind}'."
            )));
        }
        if !started {
            let status = message::status(message)?;
            let headers = message.get_item(intern!(py, "headers"))?;
            self.start(self.head(status, headers.as_ref())?);
            return Ok(Accepted::Taken);
        }
        let data = match message.get_item(intern!(py, "body"))? {
            Some(body) if !body.is_none() => message::bytes(&body)?,
            _ => Bytes::new(),
        };
        let more = message::flag(message, intern!(py, "more_body"))?;
        let congested = self.push(py, data, more)?;
        Ok(if congested { Accepted::Congested } else { Accepted::Taken })
    }

    /// The head of a response whose fields are these pairs, behind the server's own.
    fn head(&self, status: StatusCode, fields: Option<&Bound<'_, PyAny>>) -> PyResult<Head> {
        let mut headers = HeaderMap::with_capacity(6);
        headers.extend(self.server.default_headers.iter().cloned());
        if let Some(fields) = fields {
            message::fields(fields, &mut headers)?;
        }
        message::check_framing(&mut headers)?;
        Ok(Head { status, headers })
    }

    fn start(&self, mut head: Head) {
        if self.facts.version == Version::HTTP_10 {
            // As uvicorn: an HTTP/1.0 connection ends with its first response.
            head.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        self.server.log_access(|| Row {
            client: Arc::clone(&self.facts.client),
            method: self.facts.method.clone(),
            root_path: Arc::clone(&self.server.root_path_text),
            uri: self.facts.uri.clone(),
            version: self.facts.version,
            status: head.status,
            request_id: None,
        });
        let (scope, route) = {
            let mut state = self.lock();
            (state.scope.take(), state.route.take())
        };
        let found = |scope: Py<PyDict>| Python::attach(|py| label::of_scope(scope.bind(py)));
        let route = route.or_else(|| scope.and_then(found));
        let waker = {
            let mut state = self.lock();
            state.route = route;
            state.start(head);
            state.take_waker()
        };
        waker.into_iter().for_each(wake_soon);
    }

    fn push(&self, py: Python<'_>, data: Bytes, more: bool) -> PyResult<bool> {
        let (waker, receivers, congested, unread) = {
            let mut state = self.lock();
            state.push(data, more).map_err(|refusal| PyRuntimeError::new_err(refusal.message()))?;
            let unread = if state.complete { state.take_unread() } else { None };
            let receivers = if state.complete { std::mem::take(&mut state.receivers) } else { Vec::new() };
            (state.take_waker(), receivers, more && state.is_congested(), unread)
        };
        waker.into_iter().for_each(wake_soon);
        if !more {
            self.server.response_completed();
        }
        if let Some(body) = unread {
            self.server.spawn(body::discard(body));
        }
        resolve_all(py, receivers);
        Ok(congested)
    }

    /// Says which route serves the request, where the scope will not.
    pub(crate) fn name_route(&self, route: &Route) {
        let mut state = self.lock();
        if state.scope.is_some() {
            state.route = Some(route.clone());
        }
    }

    /// The response for hyper, as soon as there is a head.
    pub(crate) fn poll_response(slf: &Py<Self>, cx: &mut Context<'_>) -> Poll<Answered> {
        let cycle = slf.get();
        let mut state = cycle.lock();
        let Some(head) = state.head.take() else {
            if state.body_malformed {
                return Poll::Ready(Answered::Malformed);
            }
            if state.finished {
                return Poll::Ready(Answered::Nothing);
            }
            state.watch(cx.waker());
            return Poll::Pending;
        };
        let length = state.length;
        let whole = match length {
            Length::None => Some(Bytes::new()),
            _ => state.take_whole(),
        };
        let close = state.close_connection;
        let route = state.route.take();
        // They may have held back for the head to be on its way before a `100 Continue`.
        let receivers = if state.expects_continue {
            state.expects_continue = false;
            std::mem::take(&mut state.receivers)
        } else {
            Vec::new()
        };
        drop(state);
        let body = match whole {
            Some(data) => ResponseBody::whole(data, length),
            None => ResponseBody::Flow(FlowBody::new(Python::attach(|py| slf.clone_ref(py)))),
        };
        if !receivers.is_empty() {
            Python::attach(|py| {
                resolve_all(py, receivers);
                after_python(py);
            });
        }
        let server = cycle.server.product.as_ref();
        let mut response = assemble(head, cycle.facts.version, body, server, &cycle.server.reasons);
        if let Some(route) = route {
            response.extensions_mut().insert(route);
        }
        Poll::Ready(Answered::Response { response, close })
    }

    /// Whether the app goes on when hyper has no more use for the response body.
    pub(crate) fn outlives_its_body(&self) -> bool {
        let state = self.lock();
        !state.complete && state.length != Length::Open
    }

    pub(crate) fn is_running(&self) -> bool {
        !self.lock().finished
    }

    /// The client is gone: whoever waits for it learns at once.
    pub(crate) fn disconnect(&self, py: Python<'_>) {
        let waiters = {
            let mut state = self.lock();
            if state.disconnected {
                return;
            }
            state.disconnect();
            let mut waiters = std::mem::take(&mut state.receivers);
            waiters.append(&mut state.senders);
            waiters
        };
        resolve_all(py, waiters);
        after_python(py);
    }

    /// The app ended: finishes or breaks what it left, as uvicorn's `run_asgi` does.
    pub(crate) fn finish(&self, py: Python<'_>, outcome: Outcome<'_>) {
        let (started, complete, gone) = {
            let mut state = self.lock();
            state.finished = true;
            state.permit = None;
            let waker = if state.disconnected { state.take_waker() } else { None };
            waker.into_iter().for_each(wake_soon);
            (state.started, state.complete, state.disconnected)
        };
        match outcome {
            Outcome::Returned(value) if value.is_none() => match (started, complete) {
                (false, _) if gone => {}
                (true, false) if gone => self.fail(py),
                (false, _) => {
                    self.server.log_error(py, "ASGI callable returned without starting response.");
                    self.fail(py);
                }
                (true, false) => {
                    self.server.log_error(py, "ASGI callable returned without completing response.");
                    self.fail(py);
                }
                (true, true) => {}
            },
            Outcome::Returned(value) => {
                self.server.log_unexpected_result(py, &value);
                self.fail(py);
            }
            Outcome::Raised(error) => {
                self.server.log_exception(py, error);
                self.fail(py);
            }
            Outcome::Closed => self.fail(py),
        }
        drop(self.connection.take());
        // The app may have put into its scope what refers to this.
        let scope = self.lock().scope.take();
        drop(scope);
    }

    /// 503 in place of the app, as uvicorn's `service_unavailable`.
    pub(crate) fn answer_unavailable(&self, py: Python<'_>) {
        self.answer_plainly(py, StatusCode::SERVICE_UNAVAILABLE, b"Service Unavailable");
    }

    fn answer_plainly(&self, py: Python<'_>, status: StatusCode, text: &'static [u8]) {
        self.start(plain_text(status, text.len(), &self.server.default_headers));
        // The length was promised just above, so this cannot be refused.
        let _ = self.push(py, Bytes::from_static(text), false);
    }

    /// A 500 when nothing was sent; otherwise what was sent goes out and the connection breaks.
    fn fail(&self, py: Python<'_>) {
        let (started, gone) = {
            let state = self.lock();
            (state.started, state.disconnected)
        };
        if !started && gone {
            return;
        }
        if !started {
            self.answer_plainly(py, StatusCode::INTERNAL_SERVER_ERROR, b"Internal Server Error");
            return;
        }
        let (waker, answered) = {
            let mut state = self.lock();
            state.abort();
            let answered = state.head.is_none();
            state.close_connection = !answered;
            (state.take_waker(), answered)
        };
        waker.into_iter().for_each(wake_soon);
        if answered {
            self.connection.with(Connection::close_after_response);
        }
    }
}

/// What became of a message of the app.
pub(super) enum Accepted {
    Taken,
    /// It is queued, and the queue is full.
    Congested,
    /// The client is gone.
    Dropped,
}

/// What became of a request, for its connection.
pub(crate) enum Answered {
    /// The app's response; `close` ends the connection after it, which the head does not say.
    Response { response: http::Response<ResponseBody>, close: bool },
    /// The body broke the protocol before the app had answered.
    Malformed,
    /// The client went away and the app ended without an answer.
    Nothing,
}
