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
        let version = Self::version(object);
        // SAFETY: the class is alive; its size never changes.
        let size = usize::try_from(unsafe { (*class.as_type_ptr()).tp_basicsize }).ok()?;
        if version == 0 || descriptor.get_type().as_type_ptr() != &raw mut ffi::PyMemberDescr_Type {
            return None;
        }
        let word = size_of::<usize>();
        // Behind the header, where other threads count references.
        let positions = size_of::<ffi::PyObject>() / word..size / word;
        let mut same = positions.filter(|position| Self::load(object, *position) == value.as_ptr());
        let position = same.next()?;
        same.next().is_none().then_some(Self { version, position })
    }

    /// Whether the attribute is `value`; `None` if the object has another class now, or that was changed.
    pub(super) fn is(&self, object: &Bound<'_, PyAny>, value: &Py<PyAny>) -> Option<bool> {
        // An object of the class that has this version has a slot there.
        (Self::version(object) == self.version).then(|| Self::load(object, self.position) == value.as_ptr())
    }

    /// The version of an object's class, 0 if it has none.
    fn version(object: &Bound<'_, PyAny>) -> c_uint {
        // SAFETY: the class is alive and the field aligned.
        let version = unsafe { AtomicU32::from_ptr(&raw mut (*object.get_type_ptr()).tp_version_tag) };
        version.load(Ordering::Acquire)
    }

    /// A word of an object; other threads of a free-threaded interpreter may change it meanwhile.
    fn load(object: &Bound<'_, PyAny>, position: usize) -> *mut ffi::PyObject {
        // SAFETY: the object is alive; callers know that it is longer than that. Its words are aligned, and allocation
        // has filled them.
        let word = unsafe { AtomicPtr::from_ptr(object.as_ptr().cast::<*mut ffi::PyObject>().add(position)) };
        word.load(Ordering::Acquire)
    }
}
