//! Calls of a field's `SchemaValidator`, and defaults.

use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

use super::spec::DefaultSpec;

/// A bound `SchemaValidator.validate_python`.
pub(super) struct Validator(Py<PyAny>);

impl Validator {
    pub(super) fn new(bound: Bound<'_, PyAny>) -> Self {
        Self(bound.unbind())
    }

    /// `validate_python(value, from_attributes=True)`, as `ModelField.validate` calls it
    /// (`fastapi/_compat/v2.py`); `None` if it raises.
    pub(super) fn validate<'py>(&self, value: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
        let py = value.py();
        let names = KEYWORDS.get(py)?.bind(py);
        // SAFETY: `Py_True` returns a borrowed reference to an immortal object.
        let truth = unsafe { ffi::Py_True() };
        let mut arguments = [std::ptr::null_mut(), value.as_ptr(), truth];
        // SAFETY: after the slot that the flag gives the callee there are one positional and one keyword value,
        // both alive during the call, and `names` is a tuple of one string.
        unsafe {
            called(
                py,
                ffi::PyObject_Vectorcall(
                    self.0.as_ptr(),
                    arguments.as_mut_ptr().add(1),
                    1 | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET,
                    names.as_ptr(),
                ),
            )
        }
    }
}

/// `("from_attributes",)`.
static KEYWORDS: PyOnceLock<Py<PyTuple>> = PyOnceLock::new();

/// `callable(argument)`; `None` if it raises.
pub(super) fn call1<'py>(callable: &Py<PyAny>, argument: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let mut arguments = [std::ptr::null_mut(), argument.as_ptr()];
    // SAFETY: after the slot that the flag gives the callee there is one positional value, alive during the call.
    unsafe {
        called(
            argument.py(),
            ffi::PyObject_Vectorcall(
                callable.as_ptr(),
                arguments.as_mut_ptr().add(1),
                1 | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET,
                std::ptr::null_mut(),
            ),
        )
    }
}

/// The result of a call, with the exception dropped if there is none: a refusal says nothing about why.
///
/// # Safety
/// `result` must be a new reference, or null with an exception set.
unsafe fn called(py: Python<'_>, result: *mut ffi::PyObject) -> Option<Bound<'_, PyAny>> {
    // SAFETY: by the caller.
    let result = unsafe { Bound::from_owned_ptr_or_opt(py, result) };
    if result.is_none() {
        // SAFETY: the thread is attached.
        unsafe { ffi::PyErr_Clear() };
    }
    result
}

/// What stands for a value that the request does not have.
pub(super) struct DefaultValue {
    kind: Kind,
    validate: bool,
}

enum Kind {
    Required,
    Constant(Py<PyAny>),
    Made(Py<PyAny>),
}

impl TryFrom<DefaultSpec<'_>> for DefaultValue {
    type Error = PyErr;

    fn try_from(spec: DefaultSpec<'_>) -> PyResult<Self> {
        let py = spec.value.py();
        KEYWORDS.get_or_try_init(py, || PyTuple::new(py, ["from_attributes"]).map(Bound::unbind))?;
        let kind = match spec.kind.as_str() {
            "required" => Kind::Required,
            "constant" => Kind::Constant(spec.value.unbind()),
            "made" => Kind::Made(spec.value.unbind()),
            other => return Err(PyValueError::new_err(format!("unknown kind of default {other:?}"))),
        };
        Ok(Self { kind, validate: spec.validate })
    }
}

impl DefaultValue {
    /// A value of its own for each request; `None` if the parameter is required.
    pub(super) fn get<'py>(&self, py: Python<'py>, validator: &Validator) -> Option<Bound<'py, PyAny>> {
        let value = match &self.kind {
            Kind::Required => return None,
            Kind::Constant(value) => value.bind(py).clone(),
            // SAFETY: the callable is alive; the call returns a new reference or null with an exception set.
            Kind::Made(make) => unsafe { called(py, ffi::PyObject_CallNoArgs(make.as_ptr()))? },
        };
        if self.validate { validator.validate(&value) } else { Some(value) }
    }
}
