//! The one awaitable type that native code hands to Python.

use pyo3::exceptions::PyStopIteration;
use pyo3::intern;
use pyo3::prelude::*;

/// What an [`Awaitable`] found when Python asked it to go on.
pub(crate) enum Step {
    /// The value of the `await` expression.
    Value(Py<PyAny>),
    /// `None`, without an exception object to carry it.
    Done,
    /// Nothing yet: other tasks get their turn first.
    Yield,
    /// An asyncio future that completes when it is worth asking again.
    Wait(Py<PyAny>),
}

/// The state behind an [`Awaitable`].
pub(crate) trait Pollable: Send + Sync {
    /// Looks for the result; the result is taken only here, so a cancelled wait loses nothing.
    fn poll(&self, py: Python<'_>) -> PyResult<Step>;

    /// The awaiting task was cancelled or the awaitable was closed.
    fn cancel(&self) {}
}

/// A native coroutine: it completes at once when it can and otherwise yields an asyncio future.
///
/// It carries the whole coroutine protocol (`send`, `throw`, `close`) so that
/// `asyncio.create_task` and anyio take it for what it stands for.
#[pyclass(frozen, module = "turboapi._engine")]
pub(crate) struct Awaitable {
    source: Box<dyn Pollable>,
}

impl Awaitable {
    pub(crate) fn new(source: impl Pollable + 'static) -> Self {
        Self { source: Box::new(source) }
    }
}

#[pymethods]
impl Awaitable {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        match self.source.poll(py)? {
            Step::Done => Ok(None),
            Step::Value(value) => Err(PyStopIteration::new_err(value)),
            Step::Yield => Ok(Some(py.None())),
            Step::Wait(future) => {
                // How a future tells the asyncio task that it is awaited, not merely yielded.
                future.setattr(py, intern!(py, "_asyncio_future_blocking"), true)?;
                Ok(Some(future))
            }
        }
    }

    fn send(&self, py: Python<'_>, _value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.__next__(py)?.ok_or_else(|| PyStopIteration::new_err(()))
    }

    #[pyo3(signature = (kind, value=None, traceback=None))]
    fn throw(
        &self,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        self.source.cancel();
        Err(crate::python::thrown(kind, value, traceback)?)
    }

    fn close(&self) {
        self.source.cancel();
    }
}

impl Drop for Awaitable {
    fn drop(&mut self) {
        self.source.cancel();
    }
}
