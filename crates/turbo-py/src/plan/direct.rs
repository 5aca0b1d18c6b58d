//! A plan on a request of hyper's: no scope, no messages.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::Method;
use http::request::Parts;
use pyo3::prelude::*;
use turbo_middleware::RequestHead;
use turbo_middleware::metrics::Route as Label;

use super::asgi::Conclusion;
use super::encode::{Encoded, Payload, Place, http_exception};
use super::extract::{Extracted, RequestSource};
use super::lift::{Ask, Early};
use super::program::{Given, Progress, Run};
use super::route::{Native, Route};
use super::table::{Found, PlanTable, Plans, decoded};
use crate::coroutine::{Body, Next, Resume};
use crate::python::{self, Sent};

/// The plan that serves a request.
#[derive(Clone)]
pub(crate) struct Chosen {
    pub(crate) plans: Arc<Plans>,
    pub(crate) route: Arc<Route>,
    /// For the middleware that the answer passes.
    ask: Ask,
}

/// What [`attempt`] found.
pub(crate) enum Attempt {
    /// No plan serves this request without the application around it.
    NotPlanned,
    /// A plan serves it that needs a scope.
    Scoped(Arc<Plans>),
    /// A plan serves it as soon as the body is read: [`Chosen::begin`].
    TakesBody(Chosen),
    /// A plan has begun.
    Begun {
        outcome: Outcome,
        /// Its route, if the request [`names_route`](Request::names_route).
        route: Option<Label>,
    },
}

/// Looks for the plan of a request, and begins it unless it takes a body that is still to come.
pub(crate) fn attempt(
    py: Python<'_>,
    table: &PlanTable,
    request: Request<'_>,
    has_body: bool,
    context: &Bound<'_, PyAny>,
) -> Attempt {
    let current = table.current(py);
    let Some(plans) = current.as_deref().and_then(Option::as_ref) else { return Attempt::NotPlanned };
    let lifted = &plans.stack.lifted;
    let mut ask = Ask::default();
    if !lifted.is_empty() {
        ask = lifted.ask(&request.parts.headers);
        match lifted.before(py, request.head(lifted.reads_scheme()), request.scheme, &ask) {
            Early::Pass => {}
            Early::InDoubt => return Attempt::NotPlanned,
            Early::Answer(payload) => {
                plans.counts.middleware.fetch_add(1, Ordering::Relaxed);
                return Attempt::Begun { outcome: Outcome::Ready(payload), route: None };
            }
        }
    }
    if !plans.stack.direct || request.parts.method == Method::HEAD {
        return Attempt::NotPlanned;
    }
    let Some(path) = decoded(request.parts.uri.path()) else { return Attempt::NotPlanned };
    let full_path = full_path(request.root_path, &path);
    let path = plans.route_path(&full_path, request.root_path);
    let Some(found) = plans.find(py, &request.parts.method, path) else { return Attempt::NotPlanned };
    let Some(native) = found.route.direct() else {
        // A plan that sends for itself does so behind the middleware.
        return if lifted.is_empty() { Attempt::Scoped(Arc::clone(plans)) } else { Attempt::NotPlanned };
    };
    if has_body && native.takes_body() {
        return Attempt::TakesBody(Chosen { route: Arc::clone(found.route), plans: Arc::clone(plans), ask });
    }
    let running = Running { plans, route: found.route, native, ask: &ask };
    let route = request.names_route.then(|| found.route.label.clone());
    Attempt::Begun { outcome: running.begin(py, request, &found, &[], context), route }
}

/// A request as a plan sees it.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) parts: &'a Parts,
    /// The server's.
    pub(crate) root_path: &'a str,
    /// Somebody wants to know which route serves it.
    pub(crate) names_route: bool,
    /// The scheme that the client used.
    pub(crate) scheme: &'a dyn Fn() -> &'static str,
}

impl<'a> Request<'a> {
    /// What lifted middleware looks at.
    fn head(&self, with_scheme: bool) -> RequestHead<'a> {
        let Parts { method, uri, headers, .. } = self.parts;
        let scheme = if with_scheme { (self.scheme)() } else { "" };
        RequestHead { method, uri, headers, scheme, root_path: self.root_path }
    }
}

fn full_path<'p>(root_path: &str, path: &'p str) -> std::borrow::Cow<'p, str> {
    if root_path.is_empty() { path.into() } else { format!("{root_path}{path}").into() }
}

/// How far a plan came.
pub(crate) enum Outcome {
    /// The answer.
    Ready(Payload),
    /// FastAPI has to see the request; nothing of the user's has run.
    Refused(Arc<Plans>),
    /// The calls are over, and the rest needs a scope.
    Concluding(Chosen, Conclusion),
    /// A task has to make the next call.
    Suspended(Chosen, Run),
}

/// How far the first step of the calls came.
pub(crate) enum FirstStep<'py> {
    /// They are over.
    Over(Outcome),
    /// One has suspended.
    Suspended { run: Run, awaited: Bound<'py, PyAny>, yielded: Bound<'py, PyAny> },
}

impl Chosen {
    /// Makes the calls of a task until one suspends, in the place of a task that is current; `begins` is told what
    /// is awaited.
    pub(crate) fn first_step<'py>(
        &self,
        py: Python<'py>,
        mut run: Run,
        place: Place<'_>,
        begins: impl Fn(&Bound<'py, PyAny>),
    ) -> FirstStep<'py> {
        let Some(running) = self.running() else {
            return FirstStep::Over(Outcome::Refused(Arc::clone(&self.plans)));
        };
        let in_thread = &running.plans.stack.helpers.run_in_threadpool;
        let error = loop {
            match running.native.advance(py, &mut run, place, in_thread) {
                Progress::Await(awaited) => {
                    begins(&awaited);
                    match python::send(&awaited, &py.None().into_bound(py)) {
                        Sent::Yielded(yielded) => return FirstStep::Suspended { run, awaited, yielded },
                        Sent::Returned(value) => match run.resume(&value) {
                            Ok(()) => {}
                            Err(error) => break error,
                        },
                        Sent::Raised(error) => break error,
                    }
                }
                Progress::NeedsTask => return FirstStep::Over(Outcome::Suspended(self.clone(), run)),
                Progress::Raised(error) => break error,
                Progress::Returned(value) => {
                    return FirstStep::Over(running.encoded(py, place, &run, &value));
                }
            }
        };
        FirstStep::Over(running.raised(py, error))
    }

    /// Begins the plan that [`attempt`] chose, with the whole body.
    pub(crate) fn begin(
        &self,
        py: Python<'_>,
        request: Request<'_>,
        body: &[u8],
        context: &Bound<'_, PyAny>,
    ) -> Outcome {
        let Some(path) = decoded(request.parts.uri.path()) else {
            return Outcome::Refused(Arc::clone(&self.plans));
        };
        let full_path = full_path(request.root_path, &path);
        let path = self.plans.route_path(&full_path, request.root_path);
        // The body took its time: everything may have changed meanwhile.
        let found = self.plans.find(py, &request.parts.method, path);
        match (found, self.running()) {
            (Some(found), Some(running)) if Arc::ptr_eq(found.route, &self.route) && self.plans.hold(py) => {
                running.begin(py, request, &found, body, context)
            }
            _ => Outcome::Refused(Arc::clone(&self.plans)),
        }
    }

    fn running(&self) -> Option<Running<'_>> {
        let native = self.route.direct()?;
        Some(Running { plans: &self.plans, route: &self.route, native, ask: &self.ask })
    }
}

/// A plan with everything that a run of it needs.
#[derive(Clone, Copy)]
struct Running<'a> {
    plans: &'a Arc<Plans>,
    route: &'a Arc<Route>,
    native: &'a Native,
    ask: &'a Ask,
}

impl Running<'_> {
    fn chosen(&self) -> Chosen {
        Chosen { plans: Arc::clone(self.plans), route: Arc::clone(self.route), ask: self.ask.clone() }
    }

    /// P1, and what can be done at once of the rest; `context` is what the calls see a copy of.
    fn begin(
        &self,
        py: Python<'_>,
        request: Request<'_>,
        found: &Found<'_>,
        body: &[u8],
        context: &Bound<'_, PyAny>,
    ) -> Outcome {
        let program = &self.native.program;
        let values = match &program.extractor {
            None => Vec::new(),
            Some(extractor) => {
                let source = RequestSource::new(request.parts.uri.query(), &request.parts.headers);
                match extractor.get().extract(py, &source, &found.texts(), Some(body)) {
                    Extracted::Values(values) => values,
                    Extracted::Refused => return Outcome::Refused(Arc::clone(self.plans)),
                }
            }
        };
        self.route.count(py);
        let mut given = Given::NOTHING;
        if program.takes_response {
            match self.plans.stack.helpers.make_response.call0(py) {
                Ok(response) => given.response = Some(response),
                Err(error) => return self.raised(py, error),
            }
        }
        let mut run = match program.begin(py, values, given) {
            Ok(run) => run,
            Err(error) => return self.raised(py, error),
        };
        let in_thread = &self.plans.stack.helpers.run_in_threadpool;
        let place = Place { method: request.parts.method.as_str(), root_path: request.root_path };
        match run.advance(py, program, Some(context), in_thread, place) {
            Progress::NeedsTask | Progress::Await(_) => Outcome::Suspended(self.chosen(), run),
            Progress::Raised(error) => self.raised(py, error),
            Progress::Returned(value) => match self.native.encoder.get().wants_thread(&value) {
                Ok(true) => Outcome::Suspended(self.chosen(), run),
                Ok(false) => self.encoded(py, place, &run, &value),
                Err(error) => self.raised(py, error),
            },
        }
    }

    /// P3.
    fn encoded(&self, py: Python<'_>, place: Place<'_>, run: &Run, value: &Bound<'_, PyAny>) -> Outcome {
        let program = &self.native.program;
        let response = program.takes_response.then(|| run.slot(py, program.response_slot())).flatten();
        let encoded = self.native.encode(py, run, value, response, place);
        match encoded {
            Ok(Encoded::Ready(payload)) => self.answered(py, payload),
            Ok(Encoded::Call(response)) => Outcome::Concluding(self.chosen(), Conclusion::Call(response)),
            Err(error) => self.raised(py, error),
        }
    }

    fn raised(&self, py: Python<'_>, error: PyErr) -> Outcome {
        if self.plans.stack.stock_http_exception
            && let Some(payload) = http_exception(py, error.value(py).as_any())
        {
            // Starlette lets go of the frames of an exception that it has handled.
            error.set_traceback(py, None);
            return self.answered(py, payload);
        }
        Outcome::Concluding(self.chosen(), Conclusion::Raise(error))
    }

    /// The answer as it leaves the middleware.
    fn answered(&self, py: Python<'_>, payload: Payload) -> Outcome {
        let lifted = &self.plans.stack.lifted;
        if lifted.is_empty() {
            return Outcome::Ready(payload);
        }
        // The call may have changed the settings of a layer, which the layer looks at only now.
        let passed = if lifted.hold(py) { lifted.after(py, self.ask, payload) } else { Err(payload) };
        match passed {
            Ok(payload) => Outcome::Ready(payload),
            Err(payload) => Outcome::Concluding(self.chosen(), Conclusion::Send(payload)),
        }
    }
}

/// What a task hands to the connection that waits for its answer.
pub(crate) enum Answer<C> {
    Ready(Payload),
    /// The rest goes through this exchange.
    Exchange(C),
    /// The task ended without an answer.
    Nothing,
}

/// What the plan's task needs of the connection.
pub(crate) trait Origin: Send {
    /// The exchange that an answer goes through which needs a scope.
    type Exchange: Send;

    /// Begins that exchange; what it runs goes on in this very task, so in its context.
    fn conclude(
        &mut self,
        py: Python<'_>,
        chosen: &Chosen,
        conclusion: Conclusion,
    ) -> PyResult<(Self::Exchange, Box<dyn Body>)>;

    /// Gives the connection its answer, once.
    fn answer(&self, py: Python<'_>, answer: Answer<Self::Exchange>);

    /// The exchange's run has ended so.
    fn concluded(&mut self, py: Python<'_>, outcome: Result<(), PyErr>);

    /// The task is over.
    fn finished(&mut self, py: Python<'_>);

    fn place(&self) -> Place<'_>;
}

/// The body of the task that makes the calls of a plan which have to be awaited.
pub(crate) struct DirectTask<O: Origin> {
    chosen: Chosen,
    origin: O,
    stage: Stage,
    answered: bool,
}

/// Where a [`DirectTask`] begins.
pub(crate) enum Begin {
    Calls(Run),
    /// A call is awaited.
    Awaiting(Run),
    /// The calls are over.
    Settling(Outcome),
}

enum Stage {
    Begin(Run),
    Calls(Run),
    Settling(Outcome),
    Concluding(Box<dyn Body>),
    Over,
}

impl<O: Origin> DirectTask<O> {
    pub(crate) fn new(chosen: Chosen, origin: O, begin: Begin) -> Self {
        let stage = match begin {
            Begin::Calls(run) => Stage::Begin(run),
            Begin::Awaiting(run) => Stage::Calls(run),
            Begin::Settling(outcome) => Stage::Settling(outcome),
        };
        Self { chosen, origin, stage, answered: false }
    }

    fn advance<'py>(&mut self, py: Python<'py>, mut run: Run) -> Next<'py> {
        let outcome = {
            let Some(running) = self.chosen.running() else { return self.end(py, Answer::Nothing) };
            let in_thread = &running.plans.stack.helpers.run_in_threadpool;
            match running.native.advance(py, &mut run, self.origin.place(), in_thread) {
                Progress::Await(awaitable) => {
                    self.stage = Stage::Calls(run);
                    return Next::Await(awaitable);
                }
                Progress::NeedsTask => return self.end(py, Answer::Nothing),
                Progress::Raised(error) => running.raised(py, error),
                Progress::Returned(value) => running.encoded(py, self.origin.place(), &run, &value),
            }
        };
        drop(run);
        self.settle(py, outcome)
    }

    fn raise<'py>(&mut self, py: Python<'py>, error: PyErr) -> Next<'py> {
        let Some(running) = self.chosen.running() else { return self.end(py, Answer::Nothing) };
        let outcome = running.raised(py, error);
        self.settle(py, outcome)
    }

    fn settle<'py>(&mut self, py: Python<'py>, outcome: Outcome) -> Next<'py> {
        match outcome {
            Outcome::Ready(payload) => self.end(py, Answer::Ready(payload)),
            Outcome::Refused(_) | Outcome::Suspended(..) => self.end(py, Answer::Nothing),
            Outcome::Concluding(_, conclusion) => match self.origin.conclude(py, &self.chosen, conclusion) {
                Ok((exchange, mut body)) => {
                    self.answer(py, Answer::Exchange(exchange));
                    let next = body.resume(py, Resume::Value(py.None().into_bound(py)));
                    self.stage = Stage::Concluding(body);
                    self.follow(py, next)
                }
                Err(error) => {
                    error.write_unraisable(py, None);
                    self.end(py, Answer::Nothing)
                }
            },
        }
    }

    fn follow<'py>(&mut self, py: Python<'py>, next: Next<'py>) -> Next<'py> {
        let outcome = match next {
            Next::Await(awaitable) => return Next::Await(awaitable),
            Next::Return => Ok(()),
            Next::Raise(error) => Err(error),
        };
        self.origin.concluded(py, outcome);
        self.end(py, Answer::Nothing)
    }

    fn answer(&mut self, py: Python<'_>, answer: Answer<O::Exchange>) {
        if !std::mem::replace(&mut self.answered, true) {
            self.origin.answer(py, answer);
        }
    }

    fn end<'py>(&mut self, py: Python<'py>, answer: Answer<O::Exchange>) -> Next<'py> {
        self.stage = Stage::Over;
        self.answer(py, answer);
        self.origin.finished(py);
        Next::Return
    }
}

impl<O: Origin> Body for DirectTask<O> {
    fn resume<'py>(&mut self, py: Python<'py>, with: Resume<'py>) -> Next<'py> {
        match (std::mem::replace(&mut self.stage, Stage::Over), with) {
            (Stage::Begin(run), Resume::Value(_)) => self.advance(py, run),
            (Stage::Calls(mut run), Resume::Value(value)) => match run.resume(&value) {
                Ok(()) => self.advance(py, run),
                Err(error) => self.raise(py, error),
            },
            (Stage::Begin(_) | Stage::Calls(_), Resume::Error(error)) => self.raise(py, error),
            (Stage::Settling(outcome), Resume::Value(_)) => self.settle(py, outcome),
            // The calls have cancelled their own task, which tells the task only.
            (Stage::Settling(outcome), Resume::Error(error)) => match self.settle(py, outcome) {
                Next::Return => Next::Raise(error),
                next => next,
            },
            (Stage::Concluding(mut body), with) => {
                let next = body.resume(py, with);
                self.stage = Stage::Concluding(body);
                self.follow(py, next)
            }
            (Stage::Over, _) => Next::Return,
        }
    }

    fn closed(&mut self, py: Python<'_>) {
        self.end(py, Answer::Nothing);
    }
}
