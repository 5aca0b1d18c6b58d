//! The requests of one connection: each starts the app, whose answer is the response.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Version, header};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tower_service::Service;
use turbo_http::Connection;
use turbo_http::websocket::{self, Handshake};
use turbo_middleware::metrics::CountedBody;

use super::exchange::{Exchange, Target};
use super::http::{
    Facts, Head, HttpCycle, Inbound, Length, RequestBody, ResponseBody, State, assemble, plain_text,
};
use super::memory::Crowd;
use super::responding::{Aborted, Responding};
use super::scope::{self, Peer};
use super::server::Server;
use super::websocket::{Answer, WebSocketSession, pump};
use crate::reactor::after_python;

/// Serves the requests of one connection, one after the other; behind the engine's layers or in front.
#[derive(Clone)]
pub(crate) struct AppService {
    context: Rc<ConnectionContext>,
    _presence: Rc<Presence>,
}

/// Counts a connection among the crowd.
struct Presence(Arc<Crowd>);

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.left();
    }
}

/// What the requests of one connection share.
pub(crate) struct ConnectionContext {
    pub(super) server: Arc<Server>,
    connection: Connection,
    /// `None` when the interpreter could not build the connection's part of the scope.
    peer: Option<Peer>,
    /// Requests that may still run when all of their response is sent.
    unfinished: RefCell<Vec<Py<HttpCycle>>>,
}

impl AppService {
    pub(crate) fn new(server: Arc<Server>, connection: Connection) -> Self {
        let peer = Python::attach(|py| {
            Peer::new(py, &server, &connection).map_err(|error| server.log_exception(py, error)).ok()
        });
        server.crowd.came();
        let presence = Rc::new(Presence(Arc::clone(&server.crowd)));
        let context = ConnectionContext { server, connection, peer, unfinished: RefCell::default() };
        Self { context: Rc::new(context), _presence: presence }
    }

    pub(super) fn context(&self) -> Rc<ConnectionContext> {
        Rc::clone(&self.context)
    }

    #[inline]
    fn begin<B>(&self, request: Request<B>, body: impl FnOnce(B) -> RequestBody) -> Responding {
        let context = Rc::clone(&self.context);
        if context.sheds(request.uri().path()) {
            let (parts, _) = request.into_parts();
            return Responding::ready(context.shed(&parts));
        }
        // What hyper can hand over, it offers among the extensions.
        if !request.extensions().is_empty()
            && context.server.options.websockets.enabled
            && websocket::is_upgrade(&request)
        {
            return context.shake_hands(request);
        }
        let (parts, source) = request.into_parts();
        let mut request = Some(Inbound::new(parts, body(source)));
        if let Some(responding) = context.attempt(&mut request) {
            return responding;
        }
        let Some(request) = request else { return Responding::aborted() };
        if request.has_rest() && !request.expects_continue() {
            return Responding::prefetching(context, request, None);
        }
        context.start(request, Target::App)
    }
}

/// Straight from the transport.
impl Service<Request<turbo_http::RequestBody>> for AppService {
    type Response = Response<ResponseBody>;
    type Error = Aborted;
    type Future = Responding;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Aborted>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<turbo_http::RequestBody>) -> Responding {
        self.begin(request, |body| RequestBody::unlimited(CountedBody::uncounted(body)))
    }
}

/// Behind layers.
impl Service<Request<RequestBody>> for AppService {
    type Response = Response<ResponseBody>;
    type Error = Aborted;
    type Future = Responding;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Aborted>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Responding {
        self.begin(request, |body| body)
    }
}

impl Drop for ConnectionContext {
    fn drop(&mut self) {
        let unfinished = self.unfinished.take();
        if !unfinished.is_empty() {
            Python::attach(|py| {
                for cycle in unfinished {
                    cycle.get().disconnect(py);
                }
            });
        }
    }
}

impl ConnectionContext {
    /// Tells `cycle` of the connection's end, which its response body cannot: hyper lets go of a body that
    /// must not be sent at once, and of any other when the announced length is out.
    pub(crate) fn remember(&self, cycle: &Py<HttpCycle>) {
        Python::attach(|py| {
            let mut unfinished = self.unfinished.borrow_mut();
            let (running, ended): (Vec<_>, Vec<_>) =
                unfinished.drain(..).partition(|cycle| cycle.get().is_running());
            *unfinished = running;
            unfinished.push(cycle.clone_ref(py));
            drop(unfinished);
            drop(ended);
        });
    }

    /// Calls the app, or runs a plan that needs a scope.
    pub(crate) fn start(self: &Rc<Self>, request: Inbound, target: Target) -> Responding {
        Python::attach(|py| self.start_target(py, request, target))
    }

    pub(crate) fn start_target(
        self: &Rc<Self>,
        py: Python<'_>,
        request: Inbound,
        target: Target,
    ) -> Responding {
        let begun = self.begin(py, request, target);
        after_python(py);
        match begun {
            Ok(cycle) => Responding::running(Rc::clone(self), cycle),
            Err(error) => self.broken(py, error),
        }
    }

    fn begin(&self, py: Python<'_>, request: Inbound, target: Target) -> PyResult<Py<HttpCycle>> {
        let (cycle, scope) = self.exchange(py, request)?;
        if self.server.is_overloaded() {
            self.server.log_warning(py, "Exceeded concurrency limit.");
            cycle.get().answer_unavailable(py);
            return Ok(cycle);
        }
        self.server.run(py, Exchange::Http(cycle.clone_ref(py)), scope, target)?;
        Ok(cycle)
    }

    /// The scope of a request, and the exchange whose callables go with it.
    pub(crate) fn exchange<'py>(
        &self,
        py: Python<'py>,
        request: Inbound,
    ) -> PyResult<(Py<HttpCycle>, Bound<'py, PyDict>)> {
        let Inbound { parts, rest, early } = request;
        let scope = scope::build(py, &self.server, self.peer()?, &parts, None)?;
        let mut state = State::new(rest, parts.method == Method::HEAD);
        state.expects_continue = parts.headers.contains_key(header::EXPECT);
        if !early.is_empty() {
            state.prefetched(early);
        }
        if self.server.recorder.is_some() {
            state.scope = Some(scope.dict.clone().unbind());
        }
        let facts =
            Facts { method: parts.method, uri: parts.uri, version: parts.version, client: scope.client };
        let server = Arc::clone(&self.server);
        let cycle = Py::new(py, HttpCycle::new(server, self.connection.clone(), facts, state))?;
        Ok((cycle, scope.dict))
    }

    fn shake_hands<B>(self: Rc<Self>, mut request: Request<B>) -> Responding {
        let handshake = match Handshake::from_request(&mut request) {
            Ok(handshake) => handshake.max_message_size(Some(self.server.options.websockets.max_size)),
            Err(error) => return Responding::ready(self.plain(error.status(), error.text())),
        };
        let (parts, _) = request.into_parts();
        Python::attach(|py| {
            let begun = self.begin_websocket(py, &parts, &handshake);
            after_python(py);
            match begun {
                Ok(session) => Responding::handshaking(self, session, handshake),
                Err(error) => self.broken(py, error),
            }
        })
    }

    fn begin_websocket(
        &self,
        py: Python<'_>,
        parts: &Parts,
        handshake: &Handshake,
    ) -> PyResult<Py<WebSocketSession>> {
        let subprotocols = Some(handshake.subprotocols());
        let scope = scope::build(py, &self.server, self.peer()?, parts, subprotocols)?;
        let server = Arc::clone(&self.server);
        let session = WebSocketSession::new(server, scope.client, parts.uri.clone());
        let session = Py::new(py, session)?;
        self.server.run(py, Exchange::WebSocket(session.clone_ref(py)), scope.dict, Target::App)?;
        Ok(session)
    }

    /// The answer to a handshake as a response; an accepted one gets its pump.
    pub(crate) fn conclude(
        &self,
        answer: Answer,
        handshake: Handshake,
        session: &Py<WebSocketSession>,
    ) -> Response<ResponseBody> {
        match answer {
            Answer::Deny { status, headers, body } => {
                let body = ResponseBody::whole(body, Length::Owed(0));
                self.dress(Head { status, headers }, body)
            }
            Answer::Accept { headers, subprotocol } => {
                let (response, upgrade) = handshake.accept(headers, subprotocol.as_deref());
                let session = Python::attach(|py| session.clone_ref(py));
                let options = self.server.options.websockets.clone();
                tokio::task::spawn_local(async move {
                    match upgrade.open().await {
                        Ok(socket) => pump(session, socket, options).await,
                        Err(_) => Python::attach(|py| session.get().abandoned(py)),
                    }
                });
                response.map(|()| ResponseBody::Empty)
            }
        }
    }

    /// Ends the connection after the response that is handed over now, without a word in its head:
    /// the app has written that head, and failed only then (uvicorn closes its transport).
    pub(crate) fn close_behind_response(&self) {
        let connection = self.connection.clone();
        tokio::task::spawn_local(async move { connection.close_after_response() });
    }

    /// 400 for a request whose body turned out not to be HTTP, with uvicorn's words.
    pub(crate) fn malformed(&self, py: Python<'_>) -> Response<ResponseBody> {
        self.server.log_warning(py, "Invalid HTTP request received.");
        self.plain(StatusCode::BAD_REQUEST, "Invalid HTTP request received.")
    }

    fn broken(&self, py: Python<'_>, error: PyErr) -> Responding {
        self.server.log_exception(py, error);
        Responding::ready(self.plain(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"))
    }

    fn plain(&self, status: StatusCode, text: &'static str) -> Response<ResponseBody> {
        let head = plain_text(status, text.len(), &self.server.default_headers);
        self.dress(head, ResponseBody::fixed(text.as_bytes()))
    }

    fn dress(&self, head: Head, body: ResponseBody) -> Response<ResponseBody> {
        let server = self.server.product.as_ref();
        assemble(head, Version::HTTP_11, body, server, &self.server.reasons)
    }

    pub(crate) fn peer(&self) -> PyResult<&Peer> {
        self.peer.as_ref().ok_or_else(|| PyRuntimeError::new_err("the connection has no address"))
    }
}
