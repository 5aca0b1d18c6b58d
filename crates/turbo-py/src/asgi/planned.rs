//! Requests that a plan answers without the application around it.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version, header};
use http_body::Body as _;
use pyo3::intern;
use pyo3::prelude::*;
use turbo_middleware::metrics::Route;

use super::access::Row;
use super::at_once::{AtOnce, BegunTask};
use super::exchange::{Exchange, Outcome as Ended, Target};
use super::http::{Head, HttpCycle, Length, RequestBody, ResponseBody, Rest, assemble, discard, is_bodiless};
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

impl ConnectionContext {
    /// Answers a request by its plan if it has one; otherwise leaves it where it is.
    pub(crate) fn attempt(self: &Rc<Self>, request: &mut Option<(Parts, RequestBody)>) -> Option<Responding> {
        let server = &self.server;
        let plans = server.plans.as_ref()?;
        // What the client waits for before it sends the body is the application's to say.
        if request.as_ref()?.0.headers.contains_key(header::EXPECT) || server.is_overloaded() {
            return None;
        }
        Python::attach(|py| {
            let (parts, body) = request.as_ref()?;
            let scheme = || self.scheme(parts);
            let target = self.planned_request(parts, &scheme);
            let attempt = plan::attempt(py, plans.get(), target, !body.is_end_stream(), server.context(py)?);
            if matches!(attempt, Attempt::NotPlanned) {
                return None;
            }
            let (parts, body) = request.take()?;
            let responding = match attempt {
                Attempt::TakesBody(chosen) => Responding::collecting(Rc::clone(self), chosen, parts, body),
                Attempt::Scoped(plans) if !body.is_end_stream() => {
                    Responding::prefetching(Rc::clone(self), parts, body, Some(plans))
                }
                Attempt::Scoped(plans) => {
                    self.start_target(py, parts, Rest::Nothing, Bytes::new(), Target::Scoped(plans))
                }
                Attempt::Begun { outcome, route } => {
                    let rest = if body.is_end_stream() { Rest::Nothing } else { Rest::Open(body) };
                    self.follow(py, outcome, parts, rest, Bytes::new(), route)
                }
                Attempt::NotPlanned => Responding::aborted(),
            };
            after_python(py);
            Some(responding)
        })
    }

    /// Begins a plan with the whole body.
    pub(crate) fn answer(self: &Rc<Self>, chosen: &Chosen, parts: Parts, body: Bytes) -> Responding {
        let server = &self.server;
        Python::attach(|py| {
            let Some(context) = server.context(py).filter(|_| !server.is_overloaded()) else {
                return self.start(parts, Rest::Nothing, body);
            };
            if self.sheds(parts.uri.path()) {
                return Responding::ready(self.shed(&parts));
            }
            let scheme = || self.scheme(&parts);
            let request = self.planned_request(&parts, &scheme);
            let outcome = chosen.begin(py, request, &body, context);
            let route = request.names_route.then(|| chosen.route.label.clone());
            let responding = self.follow(py, outcome, parts, Rest::Nothing, body, route);
            after_python(py);
            responding
        })
    }

    /// Goes on with a plan that has begun.
    fn follow(
        self: &Rc<Self>,
        py: Python<'_>,
        outcome: Outcome,
        parts: Parts,
        rest: Rest,
        body: Bytes,
        route: Option<Route>,
    ) -> Responding {
        let outcome = match outcome {
            Outcome::Suspended(chosen, run) => match self.at_once(py, chosen, run, &parts) {
                AtOnce::Answered(payload) => Outcome::Ready(payload),
                AtOnce::GoesOn(begun) => return self.begin_task(py, begun, parts, rest, body),
            },
            outcome => outcome,
        };
        match outcome {
            Outcome::Ready(payload) => {
                if let Rest::Open(body) = rest {
                    self.server.spawn(discard(body));
                }
                let facts = Facts { route, ..self.facts(&parts) };
                Responding::ready(self.respond(facts, payload))
            }
            Outcome::Suspended(..) => Responding::aborted(),
            Outcome::Concluding(chosen, conclusion) => {
                self.start_target(py, parts, rest, body, Target::Concluding { chosen, conclusion })
            }
            Outcome::Refused(plans) => self.start_target(py, parts, rest, body, Target::Refused(plans)),
        }
    }

    fn begin_task(
        self: &Rc<Self>,
        py: Python<'_>,
        begun: Box<BegunTask<'_>>,
        parts: Parts,
        rest: Rest,
        body: Bytes,
    ) -> Responding {
        let BegunTask { chosen, begin, spare, suspended } = *begun;
        let route = self.server.recorder.is_some().then(|| chosen.route.label.clone());
        let facts = Facts { route, ..self.facts(&parts) };
        self.server.request_started(py);
        let method = parts.method.clone();
        let meeting = Arc::new(Meeting::new(parts, rest, body));
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
            Some(Answer::Ready(payload)) => Responding::ready(self.respond(facts, payload)),
            Some(Answer::Exchange(cycle)) => Responding::running(Rc::clone(self), cycle),
            Some(Answer::Nothing) => Responding::aborted(),
            None => Responding::planned(Rc::clone(self), meeting, facts),
        }
    }

    /// The response that a plan made.
    pub(crate) fn respond(&self, facts: Facts, payload: Payload) -> Response<ResponseBody> {
        let server = &self.server;
        // One more for `server`: hyper writes `date` past the map, and a map of up to six fields is an
        // allocation that the allocator has at hand.
        let mut headers = HeaderMap::with_capacity(payload.headers.len() + server.default_headers.len() + 1);
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
        let (parts, rest, body) = self.meeting.take_request(py).ok_or_else(gone)?;
        let (cycle, scope) = context.exchange(py, parts, rest, body)?;
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
        if let Some((_, Rest::Open(body), _)) = self.meeting.take_request(py) {
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
