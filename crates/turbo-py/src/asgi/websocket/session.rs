//! `receive` and `send` of one WebSocket.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use pyo3::exceptions::{PyOSError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use pyo3::{IntoPyObjectExt, create_exception, intern};

use super::super::exchange::Outcome;
use super::super::message;
use super::super::server::Server;
use super::awaiting::{Deferred, Drain, Receive};
use super::state::{Answer, Incoming, Outgoing, Phase, State, code};
use crate::reactor::{Awaitable, after_python, resolve_all, wake_soon};

create_exception!(
    turboapi._engine,
    ClientDisconnected,
    PyOSError,
    "The WebSocket's client is gone; raised by `send` (ASGI spec_version 2.4)."
);

/// One WebSocket, shared by the app and the connection.
#[pyclass(frozen, module = "turboapi._engine")]
pub(crate) struct WebSocketSession {
    server: Arc<Server>,
    client: Arc<str>,
    uri: Uri,
    state: Mutex<State>,
}

#[pymethods]
impl WebSocketSession {
    /// The ASGI `receive` callable.
    fn receive(slf: Py<Self>) -> Awaitable {
        Awaitable::new(Receive::new(slf))
    }

    /// The ASGI `send` callable; its effect happens at the call.
    fn send(slf: &Bound<'_, Self>, message: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = message.py();
        let session = slf.get();
        let message = message::message(message)?;
        if !session.server.core.is_owner() {
            let session = slf.clone().unbind();
            return Awaitable::new(Deferred { session, message: message.unbind() }).into_py_any(py);
        }
        session.accept_message(py, &message)?;
        if session.lock().is_congested() {
            return Awaitable::new(Drain::new(slf.clone().unbind())).into_py_any(py);
        }
        Ok(session.server.done.clone_ref(py))
    }
}

impl WebSocketSession {
    pub(crate) fn new(server: Arc<Server>, client: Arc<str>, uri: Uri) -> Self {
        Self { server, client, uri, state: Mutex::new(State::new()) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn create_future(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.server.create_future(py)
    }

    pub(super) fn accept_message(&self, py: Python<'_>, message: &Bound<'_, PyDict>) -> PyResult<()> {
        let kind = message::kind(message)?;
        let kind = kind.to_str()?;
        let (phase, gone, closed_by_peer) = {
            let state = self.lock();
            (state.phase, state.gone, state.closed_by_peer)
        };
        if gone {
            // Nothing is left to close: uvicorn ignores it while its transport is closing.
            if closed_by_peer && kind == "websocket.close" {
                return Ok(());
            }
            return Err(ClientDisconnected::new_err(()));
        }
        match (phase, kind) {
            (Phase::Connecting, "websocket.accept") => self.accept(py, message),
            (Phase::Connecting, "websocket.close") => {
                self.deny(py, StatusCode::FORBIDDEN, HeaderMap::new(), Bytes::new());
                Ok(())
            }
            (Phase::Connecting, "websocket.http.response.start") => self.begin_denial(message),
            (Phase::Connecting, _) => Err(PyRuntimeError::new_err(format!(
                "Expected ASGI message 'websocket.accept', 'websocket.close' or \
                 'websocket.http.response.start' but got '{kind}'."
            ))),
            (Phase::Denying, "websocket.http.response.body") => self.continue_denial(py, message),
            (Phase::Denying, _) => Err(PyRuntimeError::new_err(format!(
                "Expected ASGI message 'websocket.http.response.body' but got '{kind}'."
            ))),
            (Phase::Open, "websocket.send") => self.send_frame(py, message),
            (Phase::Open, "websocket.close") => self.close(py, message),
            (Phase::Open, _) => Err(PyRuntimeError::new_err(format!(
                "Expected ASGI message 'websocket.send' or 'websocket.close', but got '{kind}'."
            ))),
            (Phase::Closed, _) => Err(PyRuntimeError::new_err(format!(
                "Unexpected ASGI message '{kind}', after sending 'websocket.close'."
            ))),
        }
    }

    fn accept(&self, py: Python<'_>, message: &Bound<'_, PyDict>) -> PyResult<()> {
        let mut headers = HeaderMap::new();
        headers.extend(self.server.default_headers.iter().cloned());
        if let Some(server) = &self.server.product {
            headers.insert(header::SERVER, server.clone());
        }
        message::headers(message, &mut headers)?;
        let subprotocol = match message.get_item(intern!(py, "subprotocol"))? {
            Some(name) if name.is_truthy()? => Some(name.extract::<String>()?),
            _ => None,
        };
        self.log(py, "[accepted]");
        let waker = self.lock().answer(Answer::Accept { headers, subprotocol });
        waker.into_iter().for_each(wake_soon);
        Ok(())
    }

    /// Answers with an HTTP response; what it lacks is filled in as the `websockets` library does.
    fn deny(&self, py: Python<'_>, status: StatusCode, mut headers: HeaderMap, body: Bytes) {
        for (name, value) in [
            (header::CONNECTION, HeaderValue::from_static("close")),
            (header::CONTENT_LENGTH, HeaderValue::from(body.len())),
            (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        ] {
            headers.entry(name).or_insert(value);
        }
        self.log(py, status.as_str());
        let (waker, receivers) = {
            let mut state = self.lock();
            let receivers = state.deliver(Incoming::Disconnect { code: code::ABNORMAL, reason: None });
            (state.answer(Answer::Deny { status, headers, body }), receivers)
        };
        waker.into_iter().for_each(wake_soon);
        resolve_all(py, receivers);
    }

    fn begin_denial(&self, message: &Bound<'_, PyDict>) -> PyResult<()> {
        let status = message::status(message)?;
        let mut headers = HeaderMap::new();
        message::headers(message, &mut headers)?;
        let mut state = self.lock();
        state.phase = Phase::Denying;
        state.denial = Some((status, headers, Vec::new()));
        Ok(())
    }

    fn continue_denial(&self, py: Python<'_>, message: &Bound<'_, PyDict>) -> PyResult<()> {
        let data = match message.get_item(intern!(py, "body"))? {
            Some(body) => message::bytes(&body)?,
            None => Bytes::new(),
        };
        let more = message::flag(message, intern!(py, "more_body"))?;
        let complete = {
            let mut state = self.lock();
            if let Some((_, _, body)) = &mut state.denial {
                body.extend_from_slice(&data);
            }
            if more { None } else { state.denial.take() }
        };
        if let Some((status, headers, body)) = complete {
            self.deny(py, status, headers, body.into());
        }
        Ok(())
    }

    fn send_frame(&self, py: Python<'_>, message: &Bound<'_, PyDict>) -> PyResult<()> {
        let present = |key| -> PyResult<Option<Bound<'_, PyAny>>> {
            Ok(message.get_item(key)?.filter(|value| !value.is_none()))
        };
        let outgoing = if let Some(data) = present(intern!(py, "bytes"))? {
            Outgoing::Bytes(message::bytes(&data)?)
        } else if let Some(text) = present(intern!(py, "text"))? {
            Outgoing::Text(text.cast::<PyString>()?.to_str()?.to_owned())
        } else {
            return Ok(());
        };
        let waker = self.lock().queue(outgoing);
        waker.into_iter().for_each(wake_soon);
        Ok(())
    }

    fn close(&self, py: Python<'_>, message: &Bound<'_, PyDict>) -> PyResult<()> {
        let code = match message.get_item(intern!(py, "code"))? {
            Some(code) => code.extract()?,
            None => code::NORMAL,
        };
        let reason = match message.get_item(intern!(py, "reason"))? {
            Some(reason) if reason.is_truthy()? => reason.extract()?,
            _ => String::new(),
        };
        if !is_sendable(code) {
            return Err(PyRuntimeError::new_err(format!(
                "A WebSocket cannot be closed with code {code} (RFC 6455 7.4)."
            )));
        }
        // A control frame holds 125 bytes, two of them the code (RFC 6455 5.5).
        if reason.len() > 123 {
            return Err(PyRuntimeError::new_err("The reason of a close is too long: 123 bytes at most."));
        }
        self.end(py, code, reason);
        Ok(())
    }

    /// Sends a close frame and tells the app, which then has nothing more to say.
    fn end(&self, py: Python<'_>, code: u16, reason: String) {
        let (waker, receivers) = {
            let mut state = self.lock();
            if state.phase != Phase::Open {
                return;
            }
            state.phase = Phase::Closed;
            let receivers = state.deliver(Incoming::Disconnect { code, reason: Some(reason.clone()) });
            (state.queue(Outgoing::Close { code, reason }), receivers)
        };
        waker.into_iter().for_each(wake_soon);
        resolve_all(py, receivers);
    }

    /// The server stops: 1012 to an open socket, 500 to one that is still being decided.
    pub(crate) fn shut_down(&self, py: Python<'_>) {
        let phase = self.lock().phase;
        match phase {
            Phase::Open => self.end(py, code::SERVICE_RESTART, String::new()),
            Phase::Connecting | Phase::Denying => self.fail_handshake(py),
            Phase::Closed => {}
        }
        after_python(py);
    }

    fn fail_handshake(&self, py: Python<'_>) {
        let body = Bytes::from_static(b"Internal Server Error");
        self.deny(py, StatusCode::INTERNAL_SERVER_ERROR, HeaderMap::new(), body);
    }

    /// How the app answers the handshake, once it has decided.
    pub(crate) fn poll_answer(&self, cx: &mut Context<'_>) -> Option<Answer> {
        let mut state = self.lock();
        let answer = state.take_answer();
        if answer.is_none() {
            state.watch_handshake(cx.waker());
        }
        answer
    }

    /// The client went away during the handshake.
    pub(crate) fn abandoned(&self, py: Python<'_>) {
        self.lost(py, code::ABNORMAL, None);
    }

    /// The connection is over; the app is told unless it closed first.
    pub(crate) fn lost(&self, py: Python<'_>, code: u16, reason: Option<String>) {
        let waiters = {
            let mut state = self.lock();
            if state.gone {
                return;
            }
            let mut waiters = Vec::new();
            state.closed_by_peer = reason.is_some();
            if state.phase != Phase::Closed {
                waiters = state.deliver(Incoming::Disconnect { code, reason });
            }
            waiters.append(&mut state.lose());
            waiters
        };
        resolve_all(py, waiters);
        after_python(py);
    }

    /// The app ended, as uvicorn's `run_asgi` sees it.
    pub(crate) fn finish(&self, py: Python<'_>, outcome: Outcome<'_>) {
        let phase = self.lock().phase;
        let undecided = matches!(phase, Phase::Connecting | Phase::Denying);
        let mut code = code::NORMAL;
        match outcome {
            Outcome::Raised(error) if error.is_instance_of::<ClientDisconnected>(py) => {}
            Outcome::Raised(error) => {
                code = code::INTERNAL_ERROR;
                self.server.log_exception(py, error);
            }
            Outcome::Returned(_) if undecided => {
                self.server.log_error(py, "ASGI callable returned without completing handshake.");
            }
            Outcome::Returned(value) if !value.is_none() => {
                self.server.log_unexpected_result(py, &value);
            }
            Outcome::Returned(_) => {}
            Outcome::Closed => code = code::SERVICE_RESTART,
        }
        if undecided {
            self.fail_handshake(py);
        } else {
            self.end(py, code, String::new());
        }
        let pump = self.lock().take_pump();
        pump.into_iter().for_each(wake_soon);
    }

    fn log(&self, py: Python<'_>, what: &str) {
        let path = super::super::access::full_path(&self.server.root_path_text, &self.uri);
        self.server.log_info(py, &format!("{} - \"WebSocket {path}\" {what}", self.client));
    }
}

/// Whether a close frame may carry `code` (RFC 6455 7.4; the registered ones end at 1014).
fn is_sendable(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
