//! What asyncio asks its loop for each task, future and handle, answered without a frame.
//!
//! `get_debug` and `is_running` are functions in Python. Each call costs about 600 instructions, of which most are
//! the frame; as descriptors over C functions they cost half. A method of a class of PyO3's would not do: its
//! trampoline (attach, catch a panic, convert) costs as much as the frame.

use std::ffi::CStr;
use std::ptr;

use pyo3::prelude::*;
use pyo3::types::PyType;
use pyo3::{ffi, intern};

fn method(name: &'static CStr, function: ffi::PyCFunction) -> ffi::PyMethodDef {
    ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunction: function },
        ml_flags: ffi::METH_NOARGS,
        ml_doc: ptr::null(),
    }
}

/// Puts both methods into `loop_class`, a subclass of `asyncio.BaseEventLoop`, whose attributes they read.
#[pyfunction]
pub(crate) fn answer_natively(loop_class: &Bound<'_, PyType>) -> PyResult<()> {
    let py = loop_class.py();
    for method in [method(c"get_debug", get_debug), method(c"is_running", is_running)] {
        // Descriptors refer to their definition for as long as they live, which nobody can tell.
        let definition = Box::leak(Box::new(method));
        // SAFETY: the class and the definition are alive; the call returns a new reference.
        let descriptor = unsafe {
            let made = ffi::PyDescr_NewMethod(loop_class.as_type_ptr(), definition);
            Bound::from_owned_ptr_or_err(py, made)?
        };
        loop_class.setattr(descriptor.getattr(intern!(py, "__name__"))?.cast_into()?, descriptor)?;
    }
    Ok(())
}

/// `BaseEventLoop.get_debug`.
unsafe extern "C" fn get_debug(this: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: Python calls methods on attached threads.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: both objects are alive; the result is a new reference, or null with an exception set.
    unsafe { ffi::PyObject_GetAttr(this, intern!(py, "_debug").as_ptr()) }
}

/// `BaseEventLoop.is_running`.
unsafe extern "C" fn is_running(this: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: Python calls methods on attached threads.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: both objects are alive; the result is a new reference, or null with an exception set.
    let thread = unsafe { ffi::PyObject_GetAttr(this, intern!(py, "_thread_id").as_ptr()) };
    if thread.is_null() {
        return thread;
    }
    // SAFETY: `thread` is a reference of ours, which the comparison does not need any more.
    unsafe {
        let running = ffi::Py_IsNone(thread) == 0;
        ffi::Py_DECREF(thread);
        ffi::PyBool_FromLong(running.into())
    }
}
