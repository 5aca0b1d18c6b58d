//! Requests that a plan answers without the application around it.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, Version, header};
use pyo3::intern;
use pyo3::prelude::*;

use super::access::Row;
use super::coroutine::{Exchange, Outcome as Ended};
use super::http::{Head, HttpCycle, Length, ResponseBody, Rest, assemble, discard, is_bodiless};
use super::responding::Responding;
use super::scope;
use super::server::Server;
use super::service::{ConnectionContext, Target};
use crate::plan::{
    AsgiRun, Body, Chosen, Conclusion, Coroutine, DirectTask, Origin, Outcome, Payload, Slot, marker,
};
use crate::reactor::{ThreadBound, after_python};

/// What is kept of a request for its log line and its response.
pub(crate) struct Facts {
    client: Option<Arc<str>>,
    method: Method,
    uri: http::Uri,
    version: Version,
}

impl ConnectionContext {
    /// Answers a request by its plan; `body` is all of it if the plan takes one.
    pub(crate) fn answer(
        self: Rc<Self>,
        chosen: &Chosen,
        parts: Parts,
        rest: Rest,
        body: Bytes,
    ) -> Responding {
        if self.server.is_overloaded() {
            return self.start(parts, rest, body);
        }
        Python::attach(|py| {
            let responding = self.begin_plan(py, chosen, parts, rest, body);
            after_python(py);
            responding
        })
    }

    fn begin_plan(
        self: Rc<Self>,
        py: Python<'_>,
        chosen: &Chosen,
        parts: Parts,
        rest: Rest,
        body: Bytes,
    ) -> Responding {
        let server = &self.server;
        let Some(context) = server.context(py) else { return self.start(parts, rest, body) };
        server.request_started();
        let outcome = chosen.begin(py, &server.root_path_text, &parts, &body, context);
        if let Outcome::Suspended(run) = outcome {
            return self.begin_task(py, chosen, parts, rest, body, run);
        }
        server.request_finished(py);
        match outcome {
            Outcome::Ready(payload) => {
                let facts = self.facts(&parts);
                if let Rest::Open(body) = rest {
                    server.spawn(discard(body));
                }
                Responding::refused(self.respond(&facts, payload))
            }
            Outcome::Concluding(conclusion) => {
                let target = Target::Concluding { chosen: chosen.clone(), conclusion };
                self.start_target(py, parts, rest, body, target)
            }
            Outcome::Refused | Outcome::Suspended(_) => {
                self.start_target(py, parts, rest, body, Target::Fallback)
            }
        }
    }

    fn begin_task(
        self: Rc<Self>,
        py: Python<'_>,
        chosen: &Chosen,
        parts: Parts,
        rest: Rest,
        body: Bytes,
        run: crate::plan::Run,
    ) -> Responding {
        let slot = Slot::new();
        let facts = self.facts(&parts);
        let kept = Arc::new(Kept(AtomicUsize::new(NOT_KEPT)));
        let origin = TaskOrigin {
            server: Arc::clone(&self.server),
            context: ThreadBound::new(Rc::clone(&self)),
            method: facts.method.clone(),
            request: Some((parts, rest, body)),
            cycle: None,
            kept: Arc::clone(&kept),
        };
        let task = DirectTask::new(chosen.clone(), origin, Arc::clone(&slot), run);
        let begun = Bound::new(py, Coroutine::new(task))
            .and_then(|coroutine| self.server.start_task(py, coroutine.as_any()));
        match begun {
            Ok(task) => kept.keep(&self.server, task),
            Err(error) => self.server.log_exception(py, error),
        }
        Responding::planned(self, slot, facts)
    }

    /// The response that a plan made.
    pub(crate) fn respond(&self, facts: &Facts, payload: Payload) -> Response<ResponseBody> {
        let server = &self.server;
        let mut headers = HeaderMap::with_capacity(payload.headers.len() + server.default_headers.len() + 2);
        headers.extend(server.default_headers.iter().cloned());
        let mut sized = false;
        for (name, value) in payload.headers {
            sized |= name == header::CONTENT_LENGTH;
            headers.append(name, value);
        }
        if facts.version == Version::HTTP_10 {
            // As uvicorn: an HTTP/1.0 connection ends with its first response.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let length = if is_bodiless(payload.status) {
            Length::None
        } else if sized {
            Length::Owed(0)
        } else {
            Length::Open
        };
        if let Some(client) = &facts.client {
            server.log_access(|| Row {
                client: Arc::clone(client),
                method: facts.method.clone(),
                root_path: Arc::clone(&server.root_path_text),
                uri: facts.uri.clone(),
                version: facts.version,
                status: payload.status,
            });
        }
        server.response_completed();
        let head = Head { status: payload.status, headers };
        let body = ResponseBody::whole(payload.body, length);
        assemble(head, facts.version, body, server.product.as_ref(), &server.reasons)
    }

    fn facts(&self, parts: &Parts) -> Facts {
        let client = (self.server.access.is_some()).then(|| self.client(parts)).flatten();
        let (method, uri, version) = (parts.method.clone(), parts.uri.clone(), parts.version);
        Facts { client, method, uri, version }
    }
}

const NOT_KEPT: usize = usize::MAX;
const OVER: usize = usize::MAX - 1;

/// The server's hold on a running task: asyncio itself has only a weak one.
struct Kept(AtomicUsize);

impl Kept {
    fn keep(&self, server: &Server, task: Bound<'_, PyAny>) {
        if self.0.load(Ordering::Relaxed) == NOT_KEPT {
            self.0.store(server.register(task.unbind(), Exchange::Plan), Ordering::Relaxed);
        }
    }

    fn release(&self, server: &Server) {
        let slot = self.0.swap(OVER, Ordering::Relaxed);
        if slot < OVER {
            server.unregister(slot);
        }
    }
}

/// The request of a task.
struct TaskOrigin {
    server: Arc<Server>,
    context: ThreadBound<Rc<ConnectionContext>>,
    method: Method,
    request: Option<(Parts, Rest, Bytes)>,
    cycle: Option<Py<HttpCycle>>,
    kept: Arc<Kept>,
}

impl Origin for TaskOrigin {
    type Exchange = Py<HttpCycle>;

    fn conclude(
        &mut self,
        py: Python<'_>,
        chosen: &Chosen,
        conclusion: Conclusion,
    ) -> PyResult<(Py<HttpCycle>, Box<dyn Body>)> {
        let gone = || pyo3::exceptions::PyRuntimeError::new_err("the request has ended");
        let context = self.context.with(Rc::clone).ok_or_else(gone)?;
        let (parts, rest, body) = self.request.take().ok_or_else(gone)?;
        let (cycle, scope) = context.exchange(py, parts, rest, body)?;
        let receive = cycle.bind(py).getattr(intern!(py, "receive"))?;
        let send = cycle.bind(py).getattr(intern!(py, "send"))?;
        let run = AsgiRun::concluding(py, chosen, conclusion, &scope, &receive, &send)?;
        self.cycle = Some(cycle.clone_ref(py));
        Ok((cycle, Box::new(run)))
    }

    fn concluded(&mut self, py: Python<'_>, outcome: Result<(), PyErr>) {
        if let Some(cycle) = self.cycle.take() {
            let outcome = match outcome {
                Ok(()) => Ended::Returned(py.None().into_bound(py)),
                Err(error) => Ended::Raised(error),
            };
            cycle.get().finish(py, outcome);
        }
    }

    fn finished(&mut self, py: Python<'_>) {
        if let Some((_, Rest::Open(body), _)) = self.request.take() {
            self.server.spawn(discard(body));
        }
        drop(self.context.take());
        self.kept.release(&self.server);
        self.server.request_finished(py);
    }

    fn method(&self) -> &Method {
        &self.method
    }

    fn root_path(&self) -> &str {
        &self.server.root_path_text
    }
}

/// Says to the table that FastAPI's router is to answer.
pub(crate) fn mark_fallback(scope: &Bound<'_, pyo3::types::PyDict>) -> PyResult<()> {
    scope.set_item(marker::FALLBACK, true)
}

impl ConnectionContext {
    /// The client as the access log names it.
    fn client(&self, parts: &Parts) -> Option<Arc<str>> {
        self.peer().ok().map(|peer| scope::client_name(&self.server, peer, &parts.headers))
    }
}
