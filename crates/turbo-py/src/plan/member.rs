//! Attributes that lie in their object.

use std::ffi::c_uint;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// Where an object has an attribute for which its class has a slot (`__slots__`).
///
/// FastAPI's `Dependant` is such a class. To look there is two comparisons, to ask for the attribute two hundred
/// instructions.
pub(super) struct Member {
    /// Of the class as it was (`tp_version_tag`): no other class, and not this one once it has changed, has the same.
    version: c_uint,
    /// Words from the start of the object.
    position: usize,
}

impl Member {
    /// Where the attribute lies that is `value` now; `None` if it may come from somewhere else.
    pub(super) fn find(
        object: &Bound<'_, PyAny>,
        name: &Bound<'_, PyString>,
        value: &Bound<'_, PyAny>,
    ) -> Option<Self> {
        let class = object.get_type();
        let descriptor = class.getattr(name).ok()?;
        // SAFETY: the class is alive and its fields do not change while this thread is attached and runs nothing.
        let (version, size) = unsafe {
            let class = class.as_type_ptr();
            ((*class).tp_version_tag, usize::try_from((*class).tp_basicsize).ok()?)
        };
        if version == 0 || descriptor.get_type().as_type_ptr() != &raw mut ffi::PyMemberDescr_Type {
            return None;
        }
        // SAFETY: the object is alive and takes that many bytes at least, which allocation has filled.
        let words = unsafe {
            std::slice::from_raw_parts(
                object.as_ptr().cast::<*mut ffi::PyObject>(),
                size / size_of::<usize>(),
            )
        };
        let mut same = words.iter().enumerate().filter(|(_, word)| **word == value.as_ptr());
        let (position, _) = same.next()?;
        same.next().is_none().then_some(Self { version, position })
    }

    /// Whether the attribute is `value`; `None` if the object has another class now, or that was changed.
    pub(super) fn is(&self, object: &Bound<'_, PyAny>, value: &Py<PyAny>) -> Option<bool> {
        // SAFETY: the object and its class are alive and both words aligned; an object of the class that has this
        // version has a slot there. Other threads of a free-threaded interpreter may change either meanwhile.
        let (version, word) = unsafe {
            let class = object.get_type_ptr();
            let word = object.as_ptr().cast::<*mut ffi::PyObject>().add(self.position);
            (AtomicU32::from_ptr(&raw mut (*class).tp_version_tag), AtomicPtr::from_ptr(word))
        };
        (version.load(Ordering::Acquire) == self.version)
            .then(|| word.load(Ordering::Acquire) == value.as_ptr())
    }
}
