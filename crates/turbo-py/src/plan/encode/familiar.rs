//! Values that a validator reads without calling anything of the application's.
//!
//! FastAPI validates what a `def` endpoint returned in a worker thread, where reading the attributes of a database
//! object may well query the database. What is familiar can be validated on the event loop: nobody can tell.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple, PyType};

/// Larger values count as unfamiliar: the thread costs less than looking at all of them.
const LOOKS: u32 = 4096;

/// The classes whose objects a route's validator takes as they are.
pub(super) struct Familiar {
    /// Plain values: exact types.
    values: Vec<Py<PyType>>,
    /// Models and dataclasses of the response model, whose instances, subclasses' included, are not read.
    models: Vec<Py<PyType>>,
}

impl Familiar {
    /// From a pair of lists of types.
    pub(super) fn new(spec: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (values, models) = spec.extract()?;
        Ok(Self { values, models })
    }

    /// Whether all of `value` is familiar.
    pub(super) fn knows(&self, value: &Bound<'_, PyAny>) -> bool {
        self.look(value, &mut LOOKS.clone())
    }

    fn look(&self, value: &Bound<'_, PyAny>, looks: &mut u32) -> bool {
        let Some(left) = looks.checked_sub(1) else { return false };
        *looks = left;
        if is_scalar(value) {
            return true;
        }
        if let Ok(dict) = value.cast_exact::<PyDict>() {
            return self.look_at_all(dict.keys().iter(), looks)
                && self.look_at_all(dict.values().iter(), looks);
        }
        if let Ok(list) = value.cast_exact::<PyList>() {
            return self.look_at_all(list.iter(), looks);
        }
        if let Ok(tuple) = value.cast_exact::<PyTuple>() {
            return self.look_at_all(tuple.iter(), looks);
        }
        if value.is_exact_instance_of::<PySet>() || value.is_exact_instance_of::<PyFrozenSet>() {
            return value.try_iter().is_ok_and(|items| self.look_at_all(items.filter_map(Result::ok), looks));
        }
        let py = value.py();
        let class = value.get_type();
        self.values.iter().any(|known| class.is(known))
            || self.models.iter().any(|known| class.is_subclass(known.bind(py)).unwrap_or(false))
    }

    fn look_at_all<'py>(&self, mut items: impl Iterator<Item = Bound<'py, PyAny>>, looks: &mut u32) -> bool {
        items.all(|item| self.look(&item, looks))
    }

    pub(super) fn traverse(&self, visit: &pyo3::PyVisit<'_>) -> Result<(), pyo3::PyTraverseError> {
        self.values.iter().chain(&self.models).try_for_each(|class| visit.call(class))
    }
}

fn is_scalar(value: &Bound<'_, PyAny>) -> bool {
    value.is_none()
        || value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_exact_instance_of::<PyBool>()
}
