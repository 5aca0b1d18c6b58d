//! The child task of a dispatch function, when a plan answers what the function passes on.

use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;

use super::asgi::AsgiRun;
use crate::coroutine::{Body, Next, Resume};

/// A run that tells a `turboapi.plans.dispatch.exchange.Exchange` how it ended.
pub(super) struct Child {
    run: AsgiRun,
    exchange: Py<PyAny>,
}

impl Child {
    pub(super) fn new(py: Python<'_>, run: AsgiRun, entry: Py<PyAny>, exchange: Py<PyAny>) -> PyResult<Self> {
        Ok(Self { run: run.dispatched(py, entry, exchange.clone_ref(py))?, exchange })
    }

    fn ended<'py>(&self, py: Python<'py>, error: Option<&PyErr>) -> Next<'py> {
        let error = error.map(|error| error.value(py));
        match self.exchange.bind(py).call_method1(intern!(py, "ended"), (error,)) {
            Ok(_) => Next::Return,
            Err(error) => Next::Raise(error),
        }
    }
}

impl Body for Child {
    fn resume<'py>(&mut self, py: Python<'py>, with: Resume<'py>) -> Next<'py> {
        match self.run.resume(py, with) {
            Next::Return if self.run.has_concluded() => Next::Return,
            Next::Return => self.ended(py, None),
            Next::Raise(error) if error.is_instance_of::<PyException>(py) => self.ended(py, Some(&error)),
            Next::Raise(error) => match self.exchange.bind(py).call_method0(intern!(py, "breaking")) {
                Ok(_) => Next::Raise(error),
                Err(other) => Next::Raise(other),
            },
            awaiting @ Next::Await(_) => awaiting,
        }
    }

    fn panicked<'py>(&mut self, py: Python<'py>, error: PyErr) -> Next<'py> {
        self.ended(py, Some(&error))
    }
}
