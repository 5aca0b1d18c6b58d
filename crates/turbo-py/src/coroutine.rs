//! A coroutine whose body is native code.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::attached::Attached;
use crate::python::{self, Sent};

/// What the body of a [`Coroutine`] is gone on with.
pub(crate) enum Resume<'py> {
    /// It begins, or what it awaited returned this.
    Value(Bound<'py, PyAny>),
    /// What it awaited raised, or the coroutine was cancelled before it began.
    Error(PyErr),
}

/// What the body does next.
pub(crate) enum Next<'py> {
    /// `await` this: an iterator or coroutine.
    Await(Bound<'py, PyAny>),
    /// `return`.
    Return,
    /// `raise`.
    Raise(PyErr),
}

/// The body of a [`Coroutine`]: what happens between two awaits.
pub(crate) trait Body: Send {
    /// Goes on until something has to be awaited or everything is done.
    fn resume<'py>(&mut self, py: Python<'py>, with: Resume<'py>) -> Next<'py>;

    /// The coroutine was closed before its end; nothing is awaited any more.
    fn closed(&mut self, _py: Python<'_>) {}

    /// The body panicked; this is how the coroutine ends.
    fn panicked<'py>(&mut self, _py: Python<'py>, error: PyErr) -> Next<'py> {
        Next::Raise(error)
    }
}

enum Stage {
    /// It has no body yet: it is the coroutine of a spare task.
    Idle,
    Created(Box<dyn Body>),
    /// What the body awaits has yielded this, which nobody has been told yet.
    Yielded(Box<dyn Body>, Py<PyAny>, Py<PyAny>),
    Suspended(Box<dyn Body>, Py<PyAny>),
    /// The body runs, or what it awaits; whoever asks now comes from inside it, or from another thread.
    Running(Option<Py<PyAny>>),
    Finished,
}

/// An object with the coroutine protocol, for `asyncio.Task` and for `await`; a request runs in one.
#[pyclass(frozen, module = "turboapi._engine", name = "RequestCoroutine")]
pub(crate) struct Coroutine {
    stage: Attached<Stage>,
}

/// What `await` does with an awaitable: its iterator, or itself if it is a coroutine.
pub(crate) fn awaiting<'py>(awaitable: &Bound<'py, PyAny>) -> PyResult<Next<'py>> {
    if python::is_coroutine(awaitable) {
        return Ok(Next::Await(awaitable.clone()));
    }
    python::awaited(awaitable).map(Next::Await)
}

impl Coroutine {
    pub(crate) fn new(body: impl Body + 'static) -> Self {
        Self { stage: Attached::new(Stage::Created(Box::new(body))) }
    }

    /// One without a body, for a task that is not needed yet.
    pub(crate) fn idle() -> Self {
        Self { stage: Attached::new(Stage::Idle) }
    }

    /// Something that is not a body runs in its place and awaits this.
    pub(crate) fn runs(&self, awaited: &Bound<'_, PyAny>) {
        drop(self.stage.replace(awaited.py(), Stage::Running(Some(awaited.clone().unbind()))));
    }

    /// That is over.
    pub(crate) fn rest(&self, py: Python<'_>) {
        drop(self.stage.replace(py, Stage::Idle));
    }

    /// Gets its body, which may await something already that has yielded something.
    pub(crate) fn begin<'py>(
        &self,
        py: Python<'py>,
        body: impl Body + 'static,
        suspended: Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    ) {
        let body = Box::new(body);
        let stage = match suspended {
            Some((awaited, yielded)) => Stage::Yielded(body, awaited.unbind(), yielded.unbind()),
            None => Stage::Created(body),
        };
        drop(self.stage.replace(py, stage));
    }

    fn advance<'py>(&self, py: Python<'py>, input: Resume<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (mut body, mut next) = match self.stage.replace(py, Stage::Running(None)) {
            Stage::Created(mut body) => {
                let next = resume(&mut body, py, input);
                (body, next)
            }
            Stage::Suspended(body, awaited) => {
                let awaited = awaited.into_bound(py);
                self.stage.replace(py, Stage::Running(Some(awaited.clone().unbind())));
                let sent = match input {
                    Resume::Value(value) => python::send(&awaited, &value),
                    Resume::Error(error) => python::throw(&awaited, error),
                };
                let mut body = body;
                match after(&mut body, py, sent) {
                    After::Yield(value) => {
                        self.stage.replace(py, Stage::Suspended(body, awaited.unbind()));
                        return Ok(Some(value));
                    }
                    After::Next(next) => (body, next),
                }
            }
            Stage::Yielded(body, awaited, yielded) => {
                self.stage.replace(py, Stage::Suspended(body, awaited));
                let yielded = yielded.into_bound(py);
                if let Resume::Error(error) = input {
                    // What runs in the task has cancelled it. asyncio cancels what was yielded then, and throws the
                    // error when that has ended.
                    let message = error.value(py).getattr(intern!(py, "args"))?.cast_into::<PyTuple>()?;
                    yielded.call_method1(intern!(py, "cancel"), message)?;
                }
                return Ok(Some(yielded));
            }
            running @ Stage::Running(_) => {
                self.stage.replace(py, running);
                return Err(PyRuntimeError::new_err("coroutine is being awaited already"));
            }
            // Its task was given up before it was needed.
            Stage::Idle => {
                self.stage.replace(py, Stage::Finished);
                return Ok(None);
            }
            Stage::Finished => {
                self.stage.replace(py, Stage::Finished);
                return Err(PyRuntimeError::new_err("cannot reuse already awaited coroutine"));
            }
        };
        loop {
            match next {
                Next::Await(awaited) => {
                    self.stage.replace(py, Stage::Running(Some(awaited.clone().unbind())));
                    let none = py.None().into_bound(py);
                    let sent = python::send(&awaited, &none);
                    match after(&mut body, py, sent) {
                        After::Yield(value) => {
                            self.stage.replace(py, Stage::Suspended(body, awaited.unbind()));
                            return Ok(Some(value));
                        }
                        After::Next(following) => next = following,
                    }
                }
                Next::Return => {
                    self.stage.replace(py, Stage::Finished);
                    return Ok(None);
                }
                Next::Raise(error) => {
                    self.stage.replace(py, Stage::Finished);
                    return Err(error);
                }
            }
        }
    }
}

enum After<'py> {
    Yield(Bound<'py, PyAny>),
    Next(Next<'py>),
}

fn after<'py>(body: &mut Box<dyn Body>, py: Python<'py>, sent: Sent<'py>) -> After<'py> {
    After::Next(match sent {
        Sent::Yielded(value) => return After::Yield(value),
        Sent::Returned(value) => resume(body, py, Resume::Value(value)),
        Sent::Raised(error) => resume(body, py, Resume::Error(error)),
    })
}

/// A panic below the app must end the coroutine; otherwise the request's client would wait for ever.
fn resume<'py>(body: &mut Box<dyn Body>, py: Python<'py>, with: Resume<'py>) -> Next<'py> {
    catch_unwind(AssertUnwindSafe(|| body.resume(py, with)))
        .unwrap_or_else(|panic| body.panicked(py, python::panicked(panic.as_ref())))
}

#[pymethods]
impl Coroutine {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.advance(py, Resume::Value(py.None().into_bound(py)))
    }

    fn send<'py>(&self, value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.advance(value.py(), Resume::Value(value))?.ok_or_else(|| PyStopIteration::new_err(()))
    }

    #[pyo3(signature = (kind, value=None, traceback=None))]
    fn throw<'py>(
        &self,
        kind: &Bound<'py, PyAny>,
        value: Option<&Bound<'py, PyAny>>,
        traceback: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let error = python::thrown(kind, value, traceback)?;
        self.advance(kind.py(), Resume::Error(error))?.ok_or_else(|| PyStopIteration::new_err(()))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        match self.stage.replace(py, Stage::Finished) {
            Stage::Created(mut body) => body.closed(py),
            Stage::Suspended(mut body, awaited) | Stage::Yielded(mut body, awaited, _) => {
                let closed = match awaited.bind(py).getattr_opt(intern!(py, "close"))? {
                    Some(close) => close.call0().map(drop),
                    None => Ok(()),
                };
                body.closed(py);
                closed?;
            }
            running @ Stage::Running(_) => {
                self.stage.replace(py, running);
                return Err(PyRuntimeError::new_err("coroutine is running"));
            }
            Stage::Idle | Stage::Finished => {}
        }
        Ok(())
    }

    /// The frame of what is awaited, for debuggers and `Task.print_stack`.
    #[getter]
    fn cr_frame<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.cr_await(py)?.getattr(intern!(py, "cr_frame")).ok()
    }

    /// What is awaited.
    #[getter]
    fn cr_await<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let awaited = |stage: &Stage| match stage {
            Stage::Suspended(_, awaited) | Stage::Yielded(_, awaited, _) | Stage::Running(Some(awaited)) => {
                Some(awaited.clone_ref(py))
            }
            _ => None,
        };
        // SAFETY: it takes a reference to an object.
        let awaited = unsafe { self.stage.look(py, awaited) };
        awaited.map(|awaited| awaited.into_bound(py))
    }

    /// For `inspect.getcoroutinestate`, which anyio asks before it cancels a task.
    #[getter]
    fn cr_running(&self, py: Python<'_>) -> bool {
        // SAFETY: it only looks.
        unsafe { self.stage.look(py, |stage| matches!(stage, Stage::Running(_))) }
    }

    #[getter]
    fn cr_suspended(&self, py: Python<'_>) -> bool {
        // SAFETY: it only looks.
        unsafe { self.stage.look(py, |stage| matches!(stage, Stage::Suspended(..))) }
    }
}
