//! Calls whose keyword arguments never change.

use std::ptr;

use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use pyo3::{PyTraverseError, PyVisit};

/// pydantic's widest serializer call takes sixteen keywords.
const WIDEST: usize = 18;

/// A callable of one positional argument, with the keyword arguments it always gets.
pub(super) struct PreparedCall {
    callable: Py<PyAny>,
    names: Option<Py<PyTuple>>,
    values: Vec<Py<PyAny>>,
}

impl PreparedCall {
    /// From `(callable, names, values)`; names must be strings.
    pub(super) fn new(parts: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (callable, names, values): (Py<PyAny>, Bound<'_, PyTuple>, Vec<Py<PyAny>>) = parts.extract()?;
        if names.len() != values.len() || values.len() > WIDEST {
            return Err(PyValueError::new_err("a prepared call needs a value for each of at most 18 names"));
        }
        for name in &names {
            name.cast::<pyo3::types::PyString>()?;
        }
        let names = (!names.is_empty()).then(|| names.unbind());
        Ok(Self { callable, names, values })
    }

    pub(super) fn call<'py>(&self, argument: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = argument.py();
        // The first place is the callee's to overwrite (PY_VECTORCALL_ARGUMENTS_OFFSET).
        let mut arguments = [ptr::null_mut(); WIDEST + 2];
        arguments[1] = argument.as_ptr();
        for (place, value) in arguments[2..].iter_mut().zip(&self.values) {
            *place = value.as_ptr();
        }
        let names = self.names.as_ref().map_or(ptr::null_mut(), Py::as_ptr);
        // SAFETY: from its second place on `arguments` holds one positional argument and a value for each of `names`,
        // a tuple of strings or null, all alive during the call, which returns a new reference.
        unsafe {
            Bound::from_owned_ptr_or_err(
                py,
                ffi::PyObject_Vectorcall(
                    self.callable.as_ptr(),
                    arguments.as_ptr().add(1),
                    1 | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET,
                    names,
                ),
            )
        }
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.callable)?;
        self.values.iter().try_for_each(|value| visit.call(value))
    }
}
