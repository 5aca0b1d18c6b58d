//! A plan on a request of hyper's: no scope, no messages.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use http::Method;
use http::request::Parts;
use pyo3::prelude::*;

use super::asgi::Conclusion;
use super::coroutine::{Body, Next, Resume};
use super::encode::{Encoded, Payload, Place, http_exception};
use super::extract::{Extracted, RequestSource};
use super::program::{Given, Progress, Run};
use super::route::{Native, Route};
use super::table::{PlanTable, Plans, decoded};

/// The plan that serves a request.
#[derive(Clone)]
pub(crate) struct Chosen {
    pub(crate) state: Arc<Plans>,
    pub(crate) route: Arc<Route>,
}

/// How a plan has to be run.
pub(crate) enum Choice {
    /// By [`Chosen::begin`], with the whole body if `takes_body`.
    Native { chosen: Chosen, takes_body: bool },
    /// As an ASGI application, since the user's code sees the request.
    Scoped(Arc<Plans>),
}

/// The plan for a request, if one serves it without the application around it.
pub(crate) fn choose(py: Python<'_>, table: &PlanTable, root_path: &str, parts: &Parts) -> Option<Choice> {
    if parts.method == Method::HEAD {
        return None;
    }
    let state = table.current(py)?;
    if !state.stack.direct {
        return None;
    }
    let route = {
        let path = decoded(parts.uri.path())?;
        let path = full_path(root_path, &path);
        let found = state.find(py, &parts.method, state.route_path(&path, root_path))?;
        Arc::clone(found.route)
    };
    let Some(native) = route.direct() else { return Some(Choice::Scoped(state)) };
    let takes_body = native.takes_body();
    Some(Choice::Native { chosen: Chosen { state, route }, takes_body })
}

fn full_path<'p>(root_path: &str, path: &'p str) -> std::borrow::Cow<'p, str> {
    if root_path.is_empty() { path.into() } else { format!("{root_path}{path}").into() }
}

/// How far a plan came.
pub(crate) enum Outcome {
    /// The answer.
    Ready(Payload),
    /// FastAPI has to see the request; nothing of the user's has run.
    Refused,
    /// The calls are over, and the rest needs a scope.
    Concluding(Conclusion),
    /// A task has to make the next call.
    Suspended(Run),
}

impl Native {
    pub(crate) fn takes_body(&self) -> bool {
        self.program.extractor.as_ref().is_some_and(|extractor| extractor.get().takes_body())
    }
}

impl Chosen {
    /// P1, and what can be done at once of the rest; `context` is what the calls see a copy of.
    pub(crate) fn begin(
        &self,
        py: Python<'_>,
        root_path: &str,
        parts: &Parts,
        body: &[u8],
        context: &Bound<'_, PyAny>,
    ) -> Outcome {
        let Some(native) = self.route.direct() else { return Outcome::Refused };
        let Some(values) = self.values(py, native, root_path, parts, body) else { return Outcome::Refused };
        self.route.count();
        let helpers = &self.state.stack.helpers;
        let mut given = Given::NOTHING;
        if native.program.takes_response {
            match helpers.make_response.call0(py) {
                Ok(response) => given.response = Some(response),
                Err(error) => return self.raised(py, error),
            }
        }
        match native.program.begin(py, values, given) {
            Ok(run) => self.go_on(py, &parts.method, root_path, run, Some(context)),
            Err(error) => self.raised(py, error),
        }
    }

    fn values(
        &self,
        py: Python<'_>,
        native: &Native,
        root_path: &str,
        parts: &Parts,
        body: &[u8],
    ) -> Option<Vec<Py<PyAny>>> {
        let Some(extractor) = &native.program.extractor else { return Some(Vec::new()) };
        let path = decoded(parts.uri.path())?;
        let path = full_path(root_path, &path);
        let found = self.state.find(py, &parts.method, self.state.route_path(&path, root_path))?;
        if !Arc::ptr_eq(found.route, &self.route) {
            return None;
        }
        let source = RequestSource::new(parts.uri.query(), &parts.headers);
        let params: Vec<_> = found.params.iter().map(|(_, convertor, text)| (convertor, text)).collect();
        match extractor.get().extract(py, &source, &params, Some(body)) {
            Extracted::Values(values) => Some(values),
            Extracted::Refused => None,
        }
    }

    /// P2 and P3, from where they are.
    fn go_on(
        &self,
        py: Python<'_>,
        method: &Method,
        root_path: &str,
        mut run: Run,
        context: Option<&Bound<'_, PyAny>>,
    ) -> Outcome {
        let Some(native) = self.route.direct() else { return Outcome::Refused };
        let in_thread = &self.state.stack.helpers.run_in_threadpool;
        match run.advance(py, &native.program, context, in_thread) {
            Progress::NeedsTask | Progress::Await(_) => Outcome::Suspended(run),
            Progress::Raised(error) => self.raised(py, error),
            Progress::Returned(value) => self.encoded(py, native, method, root_path, &run, &value),
        }
    }

    fn encoded(
        &self,
        py: Python<'_>,
        native: &Native,
        method: &Method,
        root_path: &str,
        run: &Run,
        value: &Bound<'_, PyAny>,
    ) -> Outcome {
        let program = &native.program;
        let response = program.takes_response.then(|| run.slot(py, program.response_slot())).flatten();
        let place = Place { method: method.as_str(), root_path };
        match native.encoder.get().encode(py, value, response, place) {
            Ok(Encoded::Ready(payload)) => Outcome::Ready(payload),
            Ok(Encoded::Call(response)) => Outcome::Concluding(Conclusion::Call(response)),
            Err(error) => self.raised(py, error),
        }
    }

    fn raised(&self, py: Python<'_>, error: PyErr) -> Outcome {
        if self.state.stack.stock_http_exception
            && let Some(payload) = http_exception(py, error.value(py).as_any())
        {
            // Starlette lets go of the frames of an exception that it has handled.
            error.set_traceback(py, None);
            return Outcome::Ready(payload);
        }
        Outcome::Concluding(Conclusion::Raise(error))
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

/// The place where a task leaves its answer.
pub(crate) struct Slot<C>(Mutex<Waiting<C>>);

struct Waiting<C> {
    answer: Option<Answer<C>>,
    waker: Option<Waker>,
}

impl<C> Slot<C> {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Waiting { answer: None, waker: None })))
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Answer<C>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => {
                waiting.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn put(&self, answer: Answer<C>) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.answer = Some(answer);
        let waker = waiting.waker.take();
        drop(waiting);
        waker.into_iter().for_each(crate::reactor::wake_soon);
    }
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

    /// The exchange's run has ended so.
    fn concluded(&mut self, py: Python<'_>, outcome: Result<(), PyErr>);

    /// The task is over.
    fn finished(&mut self, py: Python<'_>);

    fn method(&self) -> &Method;

    fn root_path(&self) -> &str;
}

/// The body of the task that makes the calls of a plan which have to be awaited.
pub(crate) struct DirectTask<O: Origin> {
    chosen: Chosen,
    origin: O,
    slot: Arc<Slot<O::Exchange>>,
    stage: Stage,
    answered: bool,
}

enum Stage {
    Begin(Run),
    Calls(Run),
    Concluding(Box<dyn Body>),
    Over,
}

impl<O: Origin> DirectTask<O> {
    pub(crate) fn new(chosen: Chosen, origin: O, slot: Arc<Slot<O::Exchange>>, run: Run) -> Self {
        Self { chosen, origin, slot, stage: Stage::Begin(run), answered: false }
    }

    fn advance<'py>(&mut self, py: Python<'py>, mut run: Run) -> Next<'py> {
        let chosen = self.chosen.clone();
        let Some(native) = chosen.route.direct() else { return self.end(py, Answer::Nothing) };
        let in_thread = &chosen.state.stack.helpers.run_in_threadpool;
        let outcome = match run.advance(py, &native.program, None, in_thread) {
            Progress::Await(awaitable) => {
                self.stage = Stage::Calls(run);
                return Next::Await(awaitable);
            }
            Progress::NeedsTask => return self.end(py, Answer::Nothing),
            Progress::Raised(error) => chosen.raised(py, error),
            Progress::Returned(value) => {
                let (method, root_path) = (self.origin.method(), self.origin.root_path());
                chosen.encoded(py, native, method, root_path, &run, &value)
            }
        };
        drop(run);
        self.settle(py, outcome)
    }

    fn settle<'py>(&mut self, py: Python<'py>, outcome: Outcome) -> Next<'py> {
        match outcome {
            Outcome::Ready(payload) => self.end(py, Answer::Ready(payload)),
            Outcome::Refused | Outcome::Suspended(_) => self.end(py, Answer::Nothing),
            Outcome::Concluding(conclusion) => match self.origin.conclude(py, &self.chosen, conclusion) {
                Ok((exchange, mut body)) => {
                    self.answer(Answer::Exchange(exchange));
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

    fn answer(&mut self, answer: Answer<O::Exchange>) {
        if !std::mem::replace(&mut self.answered, true) {
            self.slot.put(answer);
        }
    }

    fn end<'py>(&mut self, py: Python<'py>, answer: Answer<O::Exchange>) -> Next<'py> {
        self.stage = Stage::Over;
        self.answer(answer);
        self.origin.finished(py);
        Next::Return
    }
}

impl<O: Origin> Body for DirectTask<O> {
    fn resume<'py>(&mut self, py: Python<'py>, with: Resume<'py>) -> Next<'py> {
        match (std::mem::replace(&mut self.stage, Stage::Over), with) {
            (Stage::Begin(run), Resume::Value(_)) => self.advance(py, run),
            (Stage::Calls(mut run), Resume::Value(value)) => {
                run.resume(value);
                self.advance(py, run)
            }
            (Stage::Begin(_) | Stage::Calls(_), Resume::Error(error)) => {
                let outcome = self.chosen.raised(py, error);
                self.settle(py, outcome)
            }
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
