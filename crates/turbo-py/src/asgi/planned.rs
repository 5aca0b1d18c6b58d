//! Requests that a plan answers without the application around it.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version, header};
use pyo3::intern;
use pyo3::prelude::*;
use turbo_middleware::metrics::Route;

use super::access::Row;
use super::at_once::{AtOnce, BegunTask};
use super::exchange::{Exchange, Outcome as Ended, Target};
use super::http::{Head, HttpCycle, Inbound, Length, ResponseBody, Rest, assemble, discard, is_bodiless};
use super::meeting::{Answer, Meeting};
use super::responding::Responding;
use super::scope;
use super::server::Server;
use super::service::ConnectionContext;
use crate::coroutine::{Body, Coroutine};
use crate::plan::{
    self, AsgiRun, Attempt, Chosen, Conclusion, DirectTask, Origin, Outcome, Payload, Place, Request,
};
use crate::reactor::{ThreadBound, after_python};

/// What is kept of a request whose plan is not done at once.
pub(crate) struct Facts {
    version: Version,
    is_head: bool,
    /// For the access log, if there is one.
    row: Option<Box<(Arc<str>, Method, http::Uri)>>,
    /// For the metrics, if there are any.
    route: Option<Route>,
}

/// A map for more fields than this is not used again for a response: hyper keeps the last response's for the next
/// request, so that it would be kept by idle connections. A map for so many takes 1.3 KB.
const FIELDS_KEPT: usize = 12;

impl ConnectionContext {
    /// Answers a request by its plan if it has one; otherwise leaves it where it is.
    pub(crate) fn attempt(self: &Rc<Self>, request: &mut Option<Inbound>) -> Option<Responding> {
        let server = &self.server;
        let plans = server.plans.as_ref()?;
        if server.is_overloaded() || request.as_ref()?.expects_continue() {
            return None;
        }
        Python::attach(|py| {
            let arrived = request.as_ref()?;
            let (parts, has_body) = (&arrived.parts, arrived.has_rest());
            let scheme = || self.scheme(parts);
            let target = self.planned_request(parts, &scheme);
            let responding = match plan::attempt(py, plans.get(), target, has_body, server.context(py)?) {
                Attempt::NotPlanned => return None,
                Attempt::Begun { outcome, route } => self.follow(py, outcome, request, route)?,
                Attempt::Scoped(plans) if has_body => {
                    Responding::prefetching(Rc::clone(self), request.take()?, Some(plans))
                }
                Attempt::Scoped(plans) => self.start_target(py, request.take()?, Target::Scoped(plans)),
                Attempt::TakesBody(chosen) => {
                    Responding::collecting(Rc::clone(self), chosen, request.take()?)
                }
            };
            after_python(py);
            Some(responding)
        })
    }

    /// Begins a plan with the whole body.
    pub(crate) fn answer(self: &Rc<Self>, chosen: &Chosen, request: Inbound) -> Responding {
        let server = &self.server;
        Python::attach(|py| {
            let Some(context) = server.context(py).filter(|_| !server.is_overloaded()) else {
                return self.start_target(py, request, Target::App);
            };
            let parts = &request.parts;
            if self.sheds(parts.uri.path()) {
                return Responding::ready(self.shed(parts));
            }
            let scheme = || self.scheme(parts);
            let target = self.planned_request(parts, &scheme);
            let outcome = chosen.begin(py, target, &request.early, context);
            let route = target.names_route.then(|| chosen.route.label.clone());
            let responding = self.follow(py, outcome, &mut Some(request), route);
            after_python(py);
            responding.unwrap_or_else(Responding::aborted)
        })
    }

    /// Goes on with a plan that has begun; `None` if the request is gone. It stays where it is if it is answered at
    /// once: to move it about would cost more than the rest of this.
    fn follow(
        self: &Rc<Self>,
        py: Python<'_>,
        outcome: Outcome,
        request: &mut Option<Inbound>,
        route: Option<Route>,
    ) -> Option<Responding> {
        let arrived = request.as_mut()?;
        let payload = match outcome {
            Outcome::Ready(payload) => payload,
            Outcome::Suspended(chosen, run) => match self.at_once(py, chosen, run, &arrived.parts) {
                AtOnce::Answered(payload) => payload,
                AtOnce::GoesOn(begun) => return Some(self.begin_task(py, begun, request.take()?)),
            },
            Outcome::Concluding(chosen, conclusion) => {
                let target = Target::Concluding { chosen, conclusion };
                return Some(self.start_target(py, request.take()?, target));
            }
            Outcome::Refused(plans) => {
                return Some(self.start_target(py, request.take()?, Target::Refused(plans)));
            }
        };
        if let Rest::Open(body) = std::mem::replace(&mut arrived.rest, Rest::Nothing) {
            self.server.spawn(discard(body));
        }
        let facts = Facts { route, ..self.facts(&arrived.parts) };
        let fields = std::mem::take(&mut arrived.parts.headers);
        Some(Responding::ready(self.respond(facts, payload, fields)))
    }

    fn begin_task(
        self: &Rc<Self>,
        py: Python<'_>,
        begun: Box<BegunTask<'_>>,
        request: Inbound,
    ) -> Responding {
        let BegunTask { chosen, begin, spare, suspended } = *begun;
        let route = self.server.recorder.is_some().then(|| chosen.route.label.clone());
        let facts = Facts { route, ..self.facts(&request.parts) };
        self.server.request_started(py);
        let method = request.parts.method.clone();
        let meeting = Arc::new(Meeting::new(request));
        let origin = TaskOrigin {
            server: Arc::clone(&self.server),
            context: ThreadBound::new(Rc::clone(self)),
            method,
            meeting: Arc::clone(&meeting),
            cycle: None,
        };
        let task = DirectTask::new(chosen, origin, begin);
        let begun = match spare {
            Some(spare) => self.server.spares.adopt(py, spare, task, suspended),
            None => Bound::new(py, Coroutine::new(task))
                .and_then(|coroutine| self.server.start_task(py, coroutine.as_any())),
        };
        let answer = meeting.take(py);
        match begun {
            Ok(task) => {
                // A task that is over by now has kept nobody waiting.
                meeting.kept.keep(&self.server, task, || {
                    let exchange = match &answer {
                        Some(Answer::Exchange(cycle)) => Exchange::Http(cycle.clone_ref(py)),
                        _ => Exchange::Plan(Arc::clone(&meeting)),
                    };
                    if let Some(shedding) = &self.server.options.shedding {
                        exchange.hold(py, shedding.admit());
                    }
                    exchange
                });
            }
            Err(error) => self.server.log_exception(py, error),
        }
        match answer {
            Some(Answer::Ready(payload)) => Responding::ready(self.respond(facts, payload, HeaderMap::new())),
            Some(Answer::Exchange(cycle)) => Responding::running(Rc::clone(self), cycle),
            Some(Answer::Nothing) => Responding::aborted(),
            None => Responding::planned(Rc::clone(self), meeting, facts),
        }
    }

    /// The response that a plan made; `headers` are the request's, or any other map whose memory may be used.
    pub(crate) fn respond(
        &self,
        facts: Facts,
        payload: Payload,
        mut headers: HeaderMap,
    ) -> Response<ResponseBody> {
        let server = &self.server;
        if headers.capacity() > FIELDS_KEPT {
            headers = HeaderMap::new();
        }
        headers.clear();
        // One more for `server`; hyper writes `date` past the map.
        headers.reserve(payload.headers.len() + server.default_headers.len() + 1);
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
        let length = if facts.is_head || is_bodiless(payload.status) {
            Length::None
        } else if sized {
            Length::Owed(0)
        } else {
            Length::Open
        };
        if let Some(row) = facts.row {
            let (client, method, uri) = *row;
            let (root_path, version, status) =
                (Arc::clone(&server.root_path_text), facts.version, payload.status);
            server.log_access(|| Row { client, method, root_path, uri, version, status, request_id: None });
        }
        server.response_completed();
        let head = Head { status: payload.status, headers };
        let body = ResponseBody::whole(payload.body, length);
        let mut response = assemble(head, facts.version, body, server.product.as_ref(), &server.reasons);
        if let Some(route) = facts.route {
            response.extensions_mut().insert(route);
        }
        response
    }

    fn planned_request<'a>(&'a self, parts: &'a Parts, scheme: &'a dyn Fn() -> &'static str) -> Request<'a> {
        let names_route = self.server.recorder.is_some();
        Request { parts, root_path: &self.server.root_path_text, names_route, scheme }
    }

    /// Whether a request for `path` is refused since others wait for the app.
    #[inline]
    pub(crate) fn sheds(&self, path: &str) -> bool {
        self.server.options.shedding.as_ref().is_some_and(|shedding| shedding.refuses(path))
    }

    /// 503 for such a request. The connection stays: to open another one would cost both sides more.
    pub(crate) fn shed(&self, parts: &Parts) -> Response<ResponseBody> {
        const TEXT: &str = "Service Unavailable";
        let mut headers = vec![
            (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
            (header::CONTENT_LENGTH, HeaderValue::from(TEXT.len())),
        ];
        if let Some(shedding) = &self.server.options.shedding {
            self.server.refused(shedding);
            headers.push((header::RETRY_AFTER, HeaderValue::from(shedding.retry_after)));
        }
        let status = StatusCode::SERVICE_UNAVAILABLE;
        self.respond(
            self.facts(parts),
            Payload { status, headers, body: Bytes::from_static(TEXT.as_bytes()) },
            HeaderMap::new(),
        )
    }

    fn facts(&self, parts: &Parts) -> Facts {
        let row = self.server.access_of_app().is_some().then(|| {
            let client = self.peer().ok().map(|peer| scope::client_name(&self.server, peer, &parts.headers));
            Box::new((client.unwrap_or_default(), parts.method.clone(), parts.uri.clone()))
        });
        Facts { version: parts.version, is_head: parts.method == Method::HEAD, row, route: None }
    }

    fn scheme(&self, parts: &Parts) -> &'static str {
        self.peer().map_or("http", |peer| scope::scheme(&self.server, peer, &parts.headers))
    }
}

/// The request of a task.
struct TaskOrigin {
    server: Arc<Server>,
    context: ThreadBound<Rc<ConnectionContext>>,
    method: Method,
    meeting: Arc<Meeting>,
    cycle: Option<Py<HttpCycle>>,
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
        let request = self.meeting.take_request(py).ok_or_else(gone)?;
        let (cycle, scope) = context.exchange(py, request)?;
        let receive = cycle.bind(py).getattr(intern!(py, "receive"))?;
        let send = cycle.bind(py).getattr(intern!(py, "send"))?;
        let run = AsgiRun::concluding(py, chosen, conclusion, &scope, &receive, &send)?;
        self.cycle = Some(cycle.clone_ref(py));
        cycle.get().lock().permit = self.meeting.permit.replace(py, None);
        cycle.get().name_route(&chosen.route.label);
        self.meeting.kept.exchanges(&self.server, Exchange::Http(cycle.clone_ref(py)));
        if self.meeting.kept.is_lost() {
            cycle.get().disconnect(py);
        }
        Ok((cycle, Box::new(run)))
    }

    fn answer(&self, py: Python<'_>, answer: Answer) {
        self.meeting.put(py, answer);
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
        if let Some(Inbound { rest: Rest::Open(body), .. }) = self.meeting.take_request(py) {
            self.server.spawn(discard(body));
        }
        drop(self.meeting.permit.replace(py, None));
        drop(self.context.take());
        self.meeting.kept.release(&self.server);
        self.server.request_finished(py);
    }

    fn place(&self) -> Place<'_> {
        Place { method: self.method.as_str(), root_path: &self.server.root_path_text }
    }
}
