//! The coroutine that an `asyncio.Task` runs for one request.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::http::HttpCycle;
use super::planned;
use super::server::Server;
use super::websocket::WebSocketSession;
use crate::plan::{self, AsgiRun, Chosen, Conclusion, Plans};
use crate::python::{self, Sent};

/// What a finished app leaves behind.
pub(crate) enum Outcome<'py> {
    /// It returned this.
    Returned(Bound<'py, PyAny>),
    /// It raised.
    Raised(PyErr),
    /// It was closed before it ended, as at the end of the loop.
    Closed,
}

/// The exchange that a coroutine belongs to.
pub(crate) enum Exchange {
    Http(Py<HttpCycle>),
    WebSocket(Py<WebSocketSession>),
    /// A plan runs without the two callables: nobody waits to be told of anything.
    Plan,
}

impl Exchange {
    fn callables<'py>(&self, py: Python<'py>) -> PyResult<[Bound<'py, PyAny>; 2]> {
        let object = match self {
            Self::Http(cycle) => cycle.bind(py).as_any(),
            Self::WebSocket(session) => session.bind(py).as_any(),
            Self::Plan => return Err(PyRuntimeError::new_err("a plan has no callables")),
        };
        Ok([object.getattr(intern!(py, "receive"))?, object.getattr(intern!(py, "send"))?])
    }

    fn finish(&self, py: Python<'_>, outcome: Outcome<'_>) {
        match self {
            Self::Http(cycle) => cycle.get().finish(py, outcome),
            Self::WebSocket(session) => session.get().finish(py, outcome),
            Self::Plan => {}
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
            Self::Plan => {}
        }
    }

    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        match self {
            Self::Http(cycle) => Self::Http(cycle.clone_ref(py)),
            Self::WebSocket(session) => Self::WebSocket(session.clone_ref(py)),
            Self::Plan => Self::Plan,
        }
    }
}

/// What answers an exchange.
pub(crate) enum Target {
    /// The app.
    App,
    /// The app, whose router is to answer although there is a plan.
    Fallback,
    /// A plan that needs the scope.
    Scoped(Arc<Plans>),
    /// The end of a plan that began without one.
    Concluding { chosen: Chosen, conclusion: Conclusion },
}

enum Stage {
    Created(Py<PyDict>, Target),
    /// The target is being called.
    Starting,
    Running(Py<PyAny>),
    Finished,
}

/// Runs `await app(scope, receive, send)` and tells the exchange how it ended.
///
/// A native stand-in for the wrapper coroutine that uvicorn has (`run_asgi`): the app is called in
/// the task's own context, its end is seen without a done-callback, and no exception leaves the task.
#[pyclass(frozen, module = "turboapi._engine")]
pub(crate) struct RequestCoroutine {
    server: Arc<Server>,
    exchange: Exchange,
    stage: Mutex<Stage>,
    slot: AtomicUsize,
}

const UNREGISTERED: usize = usize::MAX;

impl RequestCoroutine {
    pub(crate) fn new(
        server: Arc<Server>,
        exchange: Exchange,
        scope: Bound<'_, PyDict>,
        target: Target,
    ) -> Self {
        server.request_started();
        Self {
            server,
            exchange,
            stage: Mutex::new(Stage::Created(scope.unbind(), target)),
            slot: AtomicUsize::new(UNREGISTERED),
        }
    }

    /// Keeps the task alive until the app ends: asyncio itself only holds it weakly.
    pub(crate) fn keep(&self, py: Python<'_>, task: Bound<'_, PyAny>) {
        if !self.is_finished() {
            let slot = self.server.register(task.unbind(), self.exchange.clone_ref(py));
            self.slot.store(slot, Ordering::Relaxed);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The app's coroutine; the first call makes it.
    fn inner<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (scope, target) = {
            let mut stage = self.lock();
            match std::mem::replace(&mut *stage, Stage::Finished) {
                Stage::Finished | Stage::Starting => {
                    return Err(PyRuntimeError::new_err("the request has ended"));
                }
                Stage::Running(inner) => {
                    let running = inner.bind(py).clone();
                    *stage = Stage::Running(inner);
                    return Ok(running);
                }
                Stage::Created(scope, target) => {
                    *stage = Stage::Starting;
                    (scope.into_bound(py), target)
                }
            }
        };
        let [receive, send] = self.exchange.callables(py)?;
        let planned = match target {
            Target::App => None,
            Target::Fallback => {
                planned::mark_fallback(&scope)?;
                None
            }
            Target::Scoped(state) => plan::scoped(py, &state, &scope, &receive, &send)?,
            Target::Concluding { chosen, conclusion } => {
                Some(AsgiRun::concluding(py, &chosen, conclusion, &scope, &receive, &send)?)
            }
        };
        let awaitable = match planned {
            Some(run) => Bound::new(py, plan::Coroutine::new(run))?.into_any(),
            None => self.server.app.bind(py).call1((scope, receive, send))?,
        };
        let inner = if python::is_coroutine(&awaitable) { awaitable } else { python::awaited(&awaitable)? };
        *self.lock() = Stage::Running(inner.clone().unbind());
        Ok(inner)
    }

    fn is_finished(&self) -> bool {
        matches!(*self.lock(), Stage::Finished)
    }

    fn step<'py>(&self, value: &Bound<'py, PyAny>) -> Sent<'py> {
        match self.inner(value.py()) {
            Ok(inner) => python::send(&inner, value),
            Err(error) => Sent::Raised(error),
        }
    }

    fn finish(&self, py: Python<'_>, outcome: Outcome<'_>) {
        let before = std::mem::replace(&mut *self.lock(), Stage::Finished);
        if matches!(before, Stage::Finished) {
            return;
        }
        let slot = self.slot.swap(UNREGISTERED, Ordering::Relaxed);
        if slot != UNREGISTERED {
            self.server.unregister(slot);
        }
        self.exchange.finish(py, outcome);
        self.server.request_finished(py);
    }

    /// Takes a step: yields, or ends the coroutine. A panic below the app ends it, too, as an error
    /// of its own; otherwise the client would wait for ever.
    fn advance<'py>(&self, py: Python<'py>, step: impl FnOnce() -> Sent<'py>) -> Option<Bound<'py, PyAny>> {
        let sent = catch_unwind(AssertUnwindSafe(step))
            .unwrap_or_else(|panic| Sent::Raised(python::panicked(panic.as_ref())));
        let outcome = match sent {
            Sent::Yielded(value) => return Some(value),
            Sent::Returned(value) => Outcome::Returned(value),
            Sent::Raised(error) => Outcome::Raised(error),
        };
        self.finish(py, outcome);
        None
    }
}

#[pymethods]
impl RequestCoroutine {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        if self.is_finished() {
            return None;
        }
        self.advance(py, || self.step(py.None().bind(py)))
    }

    fn send<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = value.py();
        let yielded = if self.is_finished() { None } else { self.advance(py, || self.step(value)) };
        yielded.ok_or_else(|| PyStopIteration::new_err(()))
    }

    #[pyo3(signature = (kind, value=None, traceback=None))]
    fn throw<'py>(
        &self,
        kind: &Bound<'py, PyAny>,
        value: Option<&Bound<'py, PyAny>>,
        traceback: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = kind.py();
        let error = python::thrown(kind, value, traceback)?;
        let running = match &*self.lock() {
            Stage::Running(inner) => Some(inner.clone_ref(py)),
            _ => None,
        };
        let step = || match running {
            Some(inner) => python::throw(inner.bind(py), error),
            // Cancelled before its first step: the app never ran.
            None => Sent::Raised(error),
        };
        self.advance(py, step).ok_or_else(|| PyStopIteration::new_err(()))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let running = match &*self.lock() {
            Stage::Running(inner) => Some(inner.clone_ref(py)),
            _ => None,
        };
        if let Some(inner) = running {
            inner.call_method0(py, intern!(py, "close"))?;
        }
        self.finish(py, Outcome::Closed);
        Ok(())
    }

    /// The frame of the app's coroutine, for debuggers and `Task.print_stack`.
    #[getter]
    fn cr_frame<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        match &*self.lock() {
            Stage::Running(inner) => inner.bind(py).getattr(intern!(py, "cr_frame")).ok(),
            _ => None,
        }
    }
}
