//! One request or WebSocket, and what an `asyncio.Task` runs for it.

use std::sync::Arc;

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use turbo_middleware::concurrency_limit::Permit;

use super::http::HttpCycle;
use super::kept::Kept;
use super::meeting::Meeting;
use super::server::Server;
use super::websocket::WebSocketSession;
use crate::coroutine::{Body, Next, Resume, awaiting};
use crate::plan::{self, AsgiRun, Chosen, Conclusion, Plans};

/// What a finished app leaves behind.
pub(crate) enum Outcome<'py> {
    /// It returned this.
    Returned(Bound<'py, PyAny>),
    /// It raised.
    Raised(PyErr),
    /// It was closed before it ended, as at the end of the loop.
    Closed,
}

/// The two sides' meeting place.
pub(crate) enum Exchange {
    Http(Py<HttpCycle>),
    WebSocket(Py<WebSocketSession>),
    /// A plan runs without the two callables: nobody waits to be told of anything yet.
    Plan(Arc<Meeting>),
}

impl Exchange {
    fn callables<'py>(&self, py: Python<'py>) -> PyResult<[Bound<'py, PyAny>; 2]> {
        let object = match self {
            Self::Http(cycle) => cycle.bind(py).as_any(),
            Self::WebSocket(session) => session.bind(py).as_any(),
            Self::Plan(_) => return Err(PyRuntimeError::new_err("a plan has no callables")),
        };
        Ok([object.getattr(intern!(py, "receive"))?, object.getattr(intern!(py, "send"))?])
    }

    fn finish(&self, py: Python<'_>, outcome: Outcome<'_>) {
        match self {
            Self::Http(cycle) => cycle.get().finish(py, outcome),
            Self::WebSocket(session) => session.get().finish(py, outcome),
            Self::Plan(_) => {}
        }
    }

    /// Keeps `permit` until there is an answer.
    pub(crate) fn hold(&self, py: Python<'_>, permit: Permit) {
        match self {
            Self::Http(cycle) => cycle.get().lock().permit = Some(permit),
            Self::WebSocket(session) => session.get().lock().permit = Some(permit),
            Self::Plan(meeting) => drop(meeting.permit.replace(py, Some(permit))),
        }
    }

    /// Whether this is a WebSocket, which ends as soon as the server begins to stop.
    pub(crate) fn is_websocket(&self) -> bool {
        matches!(self, Self::WebSocket(_))
    }

    /// Tells the app that its client is gone or the server stops.
    pub(crate) fn disconnect(&self, py: Python<'_>) {
        match self {
            Self::Http(cycle) => cycle.get().disconnect(py),
            Self::WebSocket(session) => session.get().shut_down(py),
            Self::Plan(meeting) => meeting.kept.lose(),
        }
    }

    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::Http(cycle) => Self::Http(cycle.clone_ref(py)),
            Self::WebSocket(session) => Self::WebSocket(session.clone_ref(py)),
            Self::Plan(meeting) => Self::Plan(Arc::clone(meeting)),
        }
    }
}

/// What answers an exchange.
pub(crate) enum Target {
    /// The app.
    App,
    /// The app, whose router is to answer although there is a plan.
    Refused(Arc<Plans>),
    /// A plan that needs the scope.
    Scoped(Arc<Plans>),
    /// The end of a plan that began without one.
    Concluding { chosen: Chosen, conclusion: Conclusion },
}

/// Runs `await app(scope, receive, send)` and tells the exchange how it ended.
///
/// A native stand-in for the wrapper coroutine that uvicorn has (`run_asgi`): the app is called in
/// the task's own context, its end is seen without a done-callback, and no exception leaves the task.
pub(crate) struct ExchangeRun {
    server: Arc<Server>,
    exchange: Exchange,
    kept: Arc<Kept>,
    stage: Stage,
}

enum Stage {
    Created(Py<PyDict>, Target),
    /// The app's own coroutine is being awaited.
    App,
    Planned(Box<dyn Body>),
    Finished,
}

impl ExchangeRun {
    pub(crate) fn new(
        py: Python<'_>,
        server: Arc<Server>,
        exchange: Exchange,
        scope: Bound<'_, PyDict>,
        target: Target,
        kept: Arc<Kept>,
    ) -> Self {
        server.request_started(py);
        Self { server, exchange, kept, stage: Stage::Created(scope.unbind(), target) }
    }

    fn begin<'py>(
        &mut self,
        py: Python<'py>,
        scope: &Bound<'py, PyDict>,
        target: Target,
    ) -> PyResult<Next<'py>> {
        let [receive, send] = self.exchange.callables(py)?;
        let planned = match target {
            Target::App => {
                if let Some(front) = self.front(py) {
                    self.stage = Stage::App;
                    return awaiting(&front.bind(py).call1((scope, receive, send))?);
                }
                None
            }
            Target::Refused(plans) => {
                self.stage = Stage::App;
                return awaiting(&plans.stack.fall_back(scope, &receive, &send)?);
            }
            Target::Scoped(plans) => plan::scoped(py, &plans, scope, &receive, &send)?,
            Target::Concluding { chosen, conclusion } => {
                if let Exchange::Http(cycle) = &self.exchange {
                    cycle.get().name_route(&chosen.route.label);
                }
                Some(AsgiRun::concluding(py, &chosen, conclusion, scope, &receive, &send)?)
            }
        };
        if let Some(run) = planned {
            return Ok(self.go_on(py, Box::new(run), Resume::Value(py.None().into_bound(py))));
        }
        self.stage = Stage::App;
        awaiting(&self.server.app.bind(py).call1((scope, receive, send))?)
    }

    /// What may be called in place of the app.
    fn front(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        match &self.exchange {
            Exchange::Http(_) => self.server.plans.as_ref()?.get().front(py),
            Exchange::WebSocket(_) | Exchange::Plan(_) => None,
        }
    }

    fn go_on<'py>(&mut self, py: Python<'py>, mut body: Box<dyn Body>, with: Resume<'py>) -> Next<'py> {
        let outcome = match body.resume(py, with) {
            Next::Await(awaitable) => {
                self.stage = Stage::Planned(body);
                return Next::Await(awaitable);
            }
            Next::Return => Outcome::Returned(py.None().into_bound(py)),
            Next::Raise(error) => Outcome::Raised(error),
        };
        self.finish(py, outcome)
    }

    fn finish<'py>(&mut self, py: Python<'py>, outcome: Outcome<'_>) -> Next<'py> {
        self.stage = Stage::Finished;
        self.kept.release(&self.server);
        self.exchange.finish(py, outcome);
        self.server.request_finished(py);
        Next::Return
    }
}

impl Body for ExchangeRun {
    fn resume<'py>(&mut self, py: Python<'py>, with: Resume<'py>) -> Next<'py> {
        match (std::mem::replace(&mut self.stage, Stage::Finished), with) {
            (Stage::Created(scope, target), Resume::Value(_)) => {
                let begun = self.begin(py, scope.bind(py), target);
                begun.unwrap_or_else(|error| self.finish(py, Outcome::Raised(error)))
            }
            (Stage::App, Resume::Value(value)) => self.finish(py, Outcome::Returned(value)),
            // Cancelled before its first step, the app never ran.
            (Stage::Created(..) | Stage::App, Resume::Error(error)) => {
                self.finish(py, Outcome::Raised(error))
            }
            (Stage::Planned(body), with) => self.go_on(py, body, with),
            (Stage::Finished, _) => Next::Return,
        }
    }

    fn closed(&mut self, py: Python<'_>) {
        self.finish(py, Outcome::Closed);
    }

    fn panicked<'py>(&mut self, py: Python<'py>, error: PyErr) -> Next<'py> {
        self.finish(py, Outcome::Raised(error))
    }
}
