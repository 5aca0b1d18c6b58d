//! A plan on an ASGI scope: behind middleware, or where the user's code sees the request.

mod messages;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use pyo3::exceptions::{PyException, PyRuntimeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use self::messages::{WatchedSend, header_list, start_message, take_body};
use super::direct::Chosen;
use super::encode::{Encoded, Payload, Place};
use super::extract::{Extracted, ScopeSource};
use super::program::{Given, Progress, Run};
use super::replay::Replay;
use super::route::{Native, Route, Tier};
use super::stack::Stack;
use super::table::{Plans, asked};
use crate::coroutine::{Body, Next, Resume, awaiting};

/// One request on its way through a plan.
pub(crate) struct AsgiRun {
    plans: Arc<Plans>,
    route: Arc<Route>,
    method: Method,
    path: Py<PyString>,
    scope: Py<PyDict>,
    receive: Py<PyAny>,
    send: Py<PyAny>,
    caller: Caller,
    /// Our own messages have begun the response.
    started: bool,
    /// The exchange of [`Caller::Dispatch`] has all it needs.
    concluded: bool,
    /// The `send` of whoever has the request to its end, when it matters whether it began the response.
    watched: Option<Py<WatchedSend>>,
    stage: Stage,
}

/// Who runs the plan, which says what it has left out.
enum Caller {
    /// The innermost middleware; nothing is left out.
    Innermost,
    /// The engine: what escapes has to go through the whole stack.
    Engine,
    /// A dispatch function's `call_next`: what escapes has to go through FastAPI's own `entry` behind it, and
    /// `exchange.conclude` takes a response after which nothing is left to do.
    Dispatch { entry: Py<PyAny>, exchange: Py<PyAny> },
}

enum Stage {
    Begin,
    /// The calls are over and raised this.
    Raising(PyErr),
    /// The calls are over; this `Response` sends itself.
    Responding(Py<PyAny>),
    /// The calls are over; this is the answer.
    Answering(Payload),
    /// The rest is done behind the middleware.
    Passing(Sending),
    /// Receiving the body; the messages are kept for FastAPI.
    Body {
        messages: Vec<Py<PyAny>>,
        data: Vec<u8>,
    },
    Calls(Run),
    /// The head is on its way.
    Head {
        body: Py<PyBytes>,
        background: Option<Py<PyAny>>,
    },
    /// The body is on its way.
    Tail {
        background: Option<Py<PyAny>>,
    },
    /// The response is out; these tasks are next.
    Background(Py<PyAny>),
    /// Something else has the request to its end.
    Delegated,
    /// The application's own stack has it: what it raises is final.
    Final,
}

/// How a run ends whose calls were made without a scope.
pub(crate) enum Conclusion {
    /// With this exception, as raised by the route.
    Raise(PyErr),
    /// With this `Response`, which sends itself.
    Call(Py<PyAny>),
    /// With this answer, which middleware has to see.
    Send(Payload),
}

/// The end of a run on its way through the middleware, in whose middle it is sent.
#[pyclass(frozen, module = "turboapi._engine")]
pub(crate) struct Sending(Mutex<Option<(Chosen, Box<Stage>)>>);

/// Makes the run of a route that needs a scope, for the engine; `None` when the plan refuses at once.
pub(crate) fn scoped<'py>(
    py: Python<'py>,
    plans: &Arc<Plans>,
    scope: &Bound<'py, PyDict>,
    receive: &Bound<'py, PyAny>,
    send: &Bound<'py, PyAny>,
) -> PyResult<Option<AsgiRun>> {
    plans.stack.prepare(scope)?;
    let run = AsgiRun::begin(py, plans, scope, receive, send)?;
    Ok(run.map(|mut run| {
        run.caller = Caller::Engine;
        run
    }))
}

impl AsgiRun {
    /// The rest of a run whose calls were made without a scope.
    pub(crate) fn concluding(
        py: Python<'_>,
        chosen: &Chosen,
        conclusion: Conclusion,
        scope: &Bound<'_, PyDict>,
        receive: &Bound<'_, PyAny>,
        send: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        chosen.plans.stack.prepare(scope)?;
        let passing = |stage| {
            if chosen.plans.stack.lifted.is_empty() {
                stage
            } else {
                Stage::Passing(Sending(Mutex::new(Some((chosen.clone(), Box::new(stage))))))
            }
        };
        let stage = match conclusion {
            Conclusion::Raise(error) => Stage::Raising(error),
            Conclusion::Call(response) => passing(Stage::Responding(response)),
            Conclusion::Send(payload) => passing(Stage::Answering(payload)),
        };
        let mut run = Self::ending(py, chosen, stage, scope, receive, send);
        run.caller = Caller::Engine;
        Ok(run)
    }

    /// The end of a run, in the place of the route.
    pub(crate) fn sending(
        sending: &Sending,
        scope: &Bound<'_, PyDict>,
        receive: &Bound<'_, PyAny>,
        send: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let taken = sending.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (chosen, stage) = taken.ok_or_else(|| PyRuntimeError::new_err("the response was sent before"))?;
        Ok(Self::ending(scope.py(), &chosen, *stage, scope, receive, send))
    }

    fn ending(
        py: Python<'_>,
        chosen: &Chosen,
        stage: Stage,
        scope: &Bound<'_, PyDict>,
        receive: &Bound<'_, PyAny>,
        send: &Bound<'_, PyAny>,
    ) -> Self {
        Self {
            plans: Arc::clone(&chosen.plans),
            route: Arc::clone(&chosen.route),
            method: Method::GET,
            path: PyString::new(py, "").unbind(),
            scope: scope.clone().unbind(),
            receive: receive.clone().unbind(),
            send: send.clone().unbind(),
            caller: Caller::Innermost,
            started: false,
            concluded: false,
            watched: None,
            stage,
        }
    }

    /// The run of the plan that serves this scope, if one does.
    pub(crate) fn begin<'py>(
        py: Python<'py>,
        plans: &Arc<Plans>,
        scope: &Bound<'py, PyDict>,
        receive: &Bound<'py, PyAny>,
        send: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Self>> {
        let Some((method, path)) = asked(scope) else { return Ok(None) };
        let root_path = scope.get_item(intern!(py, "root_path"))?;
        let root_path = match &root_path {
            Some(root_path) => root_path.cast::<PyString>()?.to_str()?,
            None => "",
        };
        let route = {
            let path = plans.route_path(path.bind(py).to_str()?, root_path);
            let Some(found) = plans.find(py, &method, path) else { return Ok(None) };
            found.route.mark(scope, &plans.stack.router, found.params.iter())?;
            Arc::clone(found.route)
        };
        Ok(Some(Self {
            plans: Arc::clone(plans),
            route,
            method,
            path,
            scope: scope.clone().unbind(),
            receive: receive.clone().unbind(),
            send: send.clone().unbind(),
            caller: Caller::Innermost,
            started: false,
            concluded: false,
            watched: None,
            stage: Stage::Begin,
        }))
    }

    fn go_on<'py>(&mut self, py: Python<'py>, value: &Bound<'py, PyAny>) -> PyResult<Next<'py>> {
        match std::mem::replace(&mut self.stage, Stage::Delegated) {
            Stage::Begin => self.start(py),
            Stage::Raising(error) => Err(error),
            Stage::Responding(response) => self.respond(py, &response),
            Stage::Answering(payload) => self.answer(py, &payload, None),
            Stage::Passing(sending) => {
                self.stage = Stage::Final;
                let (scope, receive, send) = (self.scope.bind(py), self.receive.bind(py), self.send.bind(py));
                awaiting(&self.plans.stack.send(sending, scope, receive, send)?)
            }
            Stage::Body { messages, data } => self.received(py, messages, data, value),
            Stage::Calls(mut run) => {
                run.resume(value)?;
                self.call(py, run)
            }
            Stage::Head { body, background } => {
                let message = PyDict::new(py);
                message.set_item(intern!(py, "type"), intern!(py, "http.response.body"))?;
                message.set_item(intern!(py, "body"), body)?;
                self.stage = Stage::Tail { background };
                self.send(py, &message)
            }
            Stage::Tail { background: Some(background) } => {
                self.stage = Stage::Background(background);
                awaiting(&self.plans.stack.helpers.turn.bind(py).call0()?)
            }
            Stage::Background(background) => awaiting(&background.bind(py).call0()?),
            Stage::Tail { background: None } | Stage::Delegated | Stage::Final => Ok(Next::Return),
        }
    }

    fn start<'py>(&mut self, py: Python<'py>) -> PyResult<Next<'py>> {
        let route = Arc::clone(&self.route);
        match &route.tier {
            Tier::Python(plan) => {
                route.count(py);
                let send = self.watched_send(py)?;
                awaiting(&plan.bind(py).call1((&self.scope, &self.receive, send))?)
            }
            Tier::Native(native) => {
                let takes_body = native.program.extractor.as_ref().is_some_and(|one| one.get().takes_body());
                if takes_body {
                    self.receive(py, Vec::new(), Vec::new())
                } else {
                    self.extract(py, &[], None)
                }
            }
        }
    }

    fn receive<'py>(
        &mut self,
        py: Python<'py>,
        messages: Vec<Py<PyAny>>,
        data: Vec<u8>,
    ) -> PyResult<Next<'py>> {
        self.stage = Stage::Body { messages, data };
        awaiting(&self.receive.bind(py).call0()?)
    }

    fn received<'py>(
        &mut self,
        py: Python<'py>,
        mut messages: Vec<Py<PyAny>>,
        mut data: Vec<u8>,
        message: &Bound<'py, PyAny>,
    ) -> PyResult<Next<'py>> {
        messages.push(message.clone().unbind());
        let Some(more) = take_body(message, &mut data) else { return self.fall_back(py, messages) };
        if more { self.receive(py, messages, data) } else { self.extract(py, &messages, Some(&data)) }
    }

    /// P1; then the calls.
    fn extract<'py>(
        &mut self,
        py: Python<'py>,
        messages: &[Py<PyAny>],
        body: Option<&[u8]>,
    ) -> PyResult<Next<'py>> {
        let route = Arc::clone(&self.route);
        let Tier::Native(native) = &route.tier else { return Ok(Next::Return) };
        let values = match &native.program.extractor {
            None => Some(Vec::new()),
            Some(extractor) => self.values(py, extractor.get(), body),
        };
        let Some(values) = values else {
            return self.fall_back(py, messages.iter().map(|one| one.clone_ref(py)).collect());
        };
        route.count(py);
        let given = self.given(py, native, body)?;
        let run = native.program.begin(py, values, given)?;
        self.call(py, run)
    }

    fn values(
        &self,
        py: Python<'_>,
        extractor: &super::extract::Extractor,
        body: Option<&[u8]>,
    ) -> Option<Vec<Py<PyAny>>> {
        let scope = self.scope.bind(py);
        let root_path = scope.get_item(intern!(py, "root_path")).ok()?;
        let root_path = match &root_path {
            Some(root_path) => root_path.cast::<PyString>().ok()?.to_str().ok()?,
            None => "",
        };
        let path = self.plans.route_path(self.path.bind(py).to_str().ok()?, root_path);
        let found = self.plans.find(py, &self.method, path)?;
        let source = ScopeSource::new(scope, extractor.reads_headers())?;
        match extractor.extract(py, &source, &found.texts(), body) {
            Extracted::Values(values) => Some(values),
            Extracted::Refused => None,
        }
    }

    fn given(&self, py: Python<'_>, native: &Native, body: Option<&[u8]>) -> PyResult<Given> {
        let helpers = &self.plans.stack.helpers;
        let program = &native.program;
        let mut given = Given::NOTHING;
        if program.takes_request {
            let body = body.map(|body| PyBytes::new(py, body));
            let request = helpers.make_request.call1(py, (&self.scope, &self.receive, &self.send, body))?;
            given.request = Some(request);
        }
        if program.takes_response {
            given.response = Some(helpers.make_response.call0(py)?);
        }
        if program.takes_background {
            given.background = Some(helpers.background_tasks.call0(py)?);
        }
        Ok(given)
    }

    /// P2; then P3.
    fn call<'py>(&mut self, py: Python<'py>, mut run: Run) -> PyResult<Next<'py>> {
        let route = Arc::clone(&self.route);
        let Tier::Native(native) = &route.tier else { return Ok(Next::Return) };
        let root_path = self.root_path(py);
        let place = Place { method: self.method.as_str(), root_path: &root_path };
        match native.advance(py, &mut run, place, &self.plans.stack.helpers.run_in_threadpool) {
            Progress::Await(awaitable) => {
                self.stage = Stage::Calls(run);
                Ok(Next::Await(awaitable))
            }
            Progress::Raised(error) => Err(error),
            Progress::NeedsTask => Ok(Next::Return),
            Progress::Returned(value) => self.encode(py, native, &run, &value),
        }
    }

    fn root_path(&self, py: Python<'_>) -> String {
        let root_path = self.scope.bind(py).get_item(intern!(py, "root_path")).ok().flatten();
        root_path.and_then(|text| text.extract().ok()).unwrap_or_default()
    }

    fn encode<'py>(
        &mut self,
        py: Python<'py>,
        native: &Native,
        run: &Run,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Next<'py>> {
        let program = &native.program;
        let response = program.takes_response.then(|| run.slot(py, program.response_slot())).flatten();
        let mut background =
            program.takes_background.then(|| run.slot(py, program.background_slot())).flatten();
        if let Some(tasks) = background
            && self.plans.stack.helpers.adopt_background.bind(py).call1((value, tasks))?.is_truthy()?
        {
            // The response runs them itself.
            background = None;
        }
        let root_path = self.root_path(py);
        let place = Place { method: self.method.as_str(), root_path: &root_path };
        match native.encode(py, run, value, response, place)? {
            Encoded::Call(response) => {
                if let Some(tasks) = background {
                    // The encoder may have built the response, whose tasks these then are.
                    self.plans.stack.helpers.adopt_background.bind(py).call1((&response, tasks))?;
                }
                self.respond(py, &response)
            }
            Encoded::Ready(payload) => {
                self.answer(py, &payload, background.map(|tasks| tasks.clone().unbind()))
            }
        }
    }

    /// Sends a whole answer; the background tasks follow.
    fn answer<'py>(
        &mut self,
        py: Python<'py>,
        payload: &Payload,
        background: Option<Py<PyAny>>,
    ) -> PyResult<Next<'py>> {
        self.started = true;
        if let Caller::Dispatch { exchange, .. } = &self.caller
            && background.is_none()
        {
            let body = PyBytes::new(py, &payload.body);
            let response = (payload.status.as_u16(), header_list(py, payload)?, body);
            let sending = exchange.bind(py).call_method1(intern!(py, "conclude"), response)?;
            self.concluded = sending.is_none();
            return if self.concluded { Ok(Next::Return) } else { awaiting(&sending) };
        }
        self.stage = Stage::Head { body: PyBytes::new(py, &payload.body).unbind(), background };
        let message = start_message(py, payload)?;
        self.send(py, &message)
    }

    /// Lets a `Response` send itself.
    fn respond<'py>(&mut self, py: Python<'py>, response: &Py<PyAny>) -> PyResult<Next<'py>> {
        let send = self.watched_send(py)?;
        awaiting(&response.bind(py).call1((&self.scope, &self.receive, send))?)
    }

    fn watched_send(&mut self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let send = Py::new(py, WatchedSend::new(self.send.clone_ref(py)))?;
        self.watched = Some(send.clone_ref(py));
        Ok(send.into_any())
    }

    fn send<'py>(&self, py: Python<'py>, message: &Bound<'py, PyDict>) -> PyResult<Next<'py>> {
        awaiting(&self.send.bind(py).call1((message,))?)
    }

    /// Hands the request to FastAPI as it came; `messages` were received already.
    fn fall_back<'py>(&mut self, py: Python<'py>, messages: Vec<Py<PyAny>>) -> PyResult<Next<'py>> {
        let receive = if messages.is_empty() {
            self.receive.clone_ref(py)
        } else {
            Replay::new(messages, self.receive.clone_ref(py)).into_pyobject(py)?.into_any().unbind()
        };
        self.stage = Stage::Final;
        let (scope, send) = (self.scope.bind(py), self.send.bind(py));
        let stack = &self.plans.stack;
        awaiting(&match &self.caller {
            Caller::Engine => stack.fall_back(scope, receive.bind(py), send)?,
            Caller::Dispatch { entry, .. } => Stack::refuse(entry.bind(py), scope, receive.bind(py), send)?,
            Caller::Innermost => {
                self.plans.counts.refused.fetch_add(1, Ordering::Relaxed);
                stack.router.bind(py).call1((scope, receive, send))?
            }
        })
    }

    /// What the route raised, where its middleware and handlers can see it.
    fn raise<'py>(&mut self, py: Python<'py>, error: PyErr) -> Next<'py> {
        let is_final = matches!(std::mem::replace(&mut self.stage, Stage::Final), Stage::Final);
        // A plan of the python tier has been through the handlers at the route itself.
        let handled_in_route = matches!(self.route.tier, Tier::Python(_));
        let is_over = is_final || (handled_in_route && matches!(self.caller, Caller::Innermost));
        if is_over || !error.is_instance_of::<PyException>(py) {
            return Next::Raise(error);
        }
        let started = self.started || self.watched.as_ref().is_some_and(|send| send.get().has_started());
        let (scope, receive, send) = (self.scope.bind(py), self.receive.bind(py), self.send.bind(py));
        let stack = &self.plans.stack;
        let entry = match &self.caller {
            Caller::Engine => Some(&stack.outermost),
            Caller::Dispatch { entry, .. } => Some(entry),
            Caller::Innermost => None,
        };
        let called = match entry {
            Some(entry) => {
                let raised = (error.value(py).clone().into_any(), started, handled_in_route);
                stack.raise(entry.bind(py), raised, scope, receive, send)
            }
            None => stack.raise_in_route(error.value(py), started, scope, receive, send),
        };
        called.and_then(|awaitable| awaiting(&awaitable)).unwrap_or_else(Next::Raise)
    }

    /// Makes this the run of a dispatch function's child.
    pub(super) fn dispatched(
        mut self,
        py: Python<'_>,
        entry: Py<PyAny>,
        exchange: Py<PyAny>,
    ) -> PyResult<Self> {
        self.plans.stack.prepare_handlers(self.scope.bind(py))?;
        self.caller = Caller::Dispatch { entry, exchange };
        Ok(self)
    }

    /// Whether the exchange of a dispatch function needs no word of the end.
    pub(super) fn has_concluded(&self) -> bool {
        self.concluded
    }
}

impl Body for AsgiRun {
    fn resume<'py>(&mut self, py: Python<'py>, with: Resume<'py>) -> Next<'py> {
        let outcome = match with {
            Resume::Value(value) => self.go_on(py, &value),
            Resume::Error(error) => return self.raise(py, error),
        };
        outcome.unwrap_or_else(|error| self.raise(py, error))
    }
}
