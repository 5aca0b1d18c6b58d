//! The few calls into the C API that the interface has no fast form for.

use std::any::Any;

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyType;
use pyo3::{ffi, intern};

/// The exception that `throw(kind, value, traceback)` stands for.
pub(crate) fn thrown(
    kind: &Bound<'_, PyAny>,
    value: Option<&Bound<'_, PyAny>>,
    traceback: Option<&Bound<'_, PyAny>>,
) -> PyResult<PyErr> {
    let py = kind.py();
    let exception = if let Ok(class) = kind.cast::<PyType>() {
        match value {
            Some(value) if value.is_instance(class)? => value.clone(),
            Some(value) if !value.is_none() => class.call1((value,))?,
            _ => class.call0()?,
        }
    } else {
        kind.clone()
    };
    if !exception.is_instance_of::<pyo3::exceptions::PyBaseException>() {
        return Err(PyTypeError::new_err("exceptions must derive from BaseException"));
    }
    if let Some(traceback) = traceback
        && !traceback.is_none()
    {
        exception.setattr(intern!(py, "__traceback__"), traceback)?;
    }
    Ok(PyErr::from_value(exception))
}

/// The error that stands for a panic below the app.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> PyErr {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    PyRuntimeError::new_err(format!("the engine panicked: {text}"))
}

/// The outcome of advancing an iterator or coroutine by one step.
pub(crate) enum Sent<'py> {
    /// It suspended and yielded this.
    Yielded(Bound<'py, PyAny>),
    /// It returned this.
    Returned(Bound<'py, PyAny>),
    /// It raised.
    Raised(PyErr),
}

/// `coroutine.send(value)`, without an exception object for the returned value.
pub(crate) fn send<'py>(coroutine: &Bound<'py, PyAny>, value: &Bound<'py, PyAny>) -> Sent<'py> {
    let py = coroutine.py();
    let mut result = std::ptr::null_mut();
    // SAFETY: both objects are alive; `result` receives a new reference unless an error is set.
    let status = unsafe { ffi::PyIter_Send(coroutine.as_ptr(), value.as_ptr(), &raw mut result) };
    // SAFETY: `result` is a new reference, or null with an exception set.
    let result = unsafe { Bound::from_owned_ptr_or_err(py, result) };
    match (status, result) {
        (_, Err(error)) => Sent::Raised(error),
        (ffi::PySendResult::PYGEN_NEXT, Ok(yielded)) => Sent::Yielded(yielded),
        (_, Ok(returned)) => Sent::Returned(returned),
    }
}

/// A context is the current one until this is dropped.
pub(crate) struct Entered<'py>(Bound<'py, PyAny>);

impl<'py> Entered<'py> {
    /// Enters `context` (a `contextvars.Context`), or a copy of it if it is entered already, by another thread or
    /// further out: that is possible only once.
    pub(crate) fn new(context: &Bound<'py, PyAny>) -> PyResult<Self> {
        let enter = |context: &Bound<'py, PyAny>| {
            // SAFETY: the function checks the type of its argument, which is alive.
            let failed = unsafe { ffi::PyContext_Enter(context.as_ptr()) } != 0;
            if failed { Err(PyErr::fetch(context.py())) } else { Ok(()) }
        };
        let mut entered = context.clone();
        if enter(&entered).is_err() {
            entered = copy_context(context)?;
            enter(&entered)?;
        }
        Ok(Self(entered))
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        // SAFETY: the function checks the type of its argument, which is alive.
        if unsafe { ffi::PyContext_Exit(self.0.as_ptr()) } != 0 {
            // Somebody entered another one and did not leave it.
            PyErr::fetch(self.0.py()).write_unraisable(self.0.py(), Some(&self.0));
        }
    }
}

/// A copy of `context` (a `contextvars.Context`).
pub(crate) fn copy_context<'py>(context: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the function checks the type of its argument and returns a new reference.
    unsafe { Bound::from_owned_ptr_or_err(context.py(), ffi::PyContext_Copy(context.as_ptr())) }
}

/// A copy of the context that is current on this thread.
pub(crate) fn current_context(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: the thread is attached; the call returns a new reference.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_CopyCurrent()) }
}

/// Whether `object` is exactly a coroutine made by `async def`.
pub(crate) fn is_coroutine(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: `object` is alive; the check reads its type only.
    unsafe { ffi::PyCoro_CheckExact(object.as_ptr()) != 0 }
}

/// `coroutine.throw(error)`, with a `StopIteration` turned into the returned value.
pub(crate) fn throw<'py>(coroutine: &Bound<'py, PyAny>, error: PyErr) -> Sent<'py> {
    let py = coroutine.py();
    match coroutine.call_method1(intern!(py, "throw"), (error.into_value(py),)) {
        Ok(yielded) => Sent::Yielded(yielded),
        Err(error) if error.is_instance_of::<pyo3::exceptions::PyStopIteration>(py) => {
            match error.value(py).getattr(intern!(py, "value")) {
                Ok(value) => Sent::Returned(value),
                Err(error) => Sent::Raised(error),
            }
        }
        Err(error) => Sent::Raised(error),
    }
}

/// The iterator behind an awaitable that is no plain coroutine, with the words of `await` itself.
pub(crate) fn awaited<'py>(awaitable: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let name = intern!(awaitable.py(), "__await__");
    if !awaitable.hasattr(name)? {
        let kind = awaitable.get_type().name()?;
        return Err(PyTypeError::new_err(format!("object {kind} can't be used in 'await' expression")));
    }
    awaitable.call_method0(name)
}
