//! Whether dictionaries may have changed, at the price of one comparison.
//!
//! From Python 3.12 on a dictionary can be watched (`PyDict_Watch`): a change of any watched dictionary moves one
//! counter. Before that, every dictionary carries a version of its own.

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyDict;

pub(crate) use imp::Dictionaries;

#[cfg(Py_3_12)]
mod imp {
    use std::ffi::c_int;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use pyo3::ffi;

    use super::{Bound, PyDict, PyErr, PyTraverseError, PyVisit, Python};

    /// Moves with every change of a watched dictionary.
    static CHANGES: AtomicU64 = AtomicU64::new(1);
    /// `None` if the interpreter had no watcher left: then everything may always have changed.
    static WATCHER: OnceLock<Option<c_int>> = OnceLock::new();

    type Callback = extern "C" fn(c_int, *mut ffi::PyObject, *mut ffi::PyObject, *mut ffi::PyObject) -> c_int;

    unsafe extern "C" {
        // <https://docs.python.org/3/c-api/dict.html#c.PyDict_AddWatcher>; pyo3 has no declaration.
        fn PyDict_AddWatcher(callback: Callback) -> c_int;
        fn PyDict_Watch(watcher: c_int, dict: *mut ffi::PyObject) -> c_int;
    }

    extern "C" fn changed(
        _event: c_int,
        _dict: *mut ffi::PyObject,
        _key: *mut ffi::PyObject,
        _value: *mut ffi::PyObject,
    ) -> c_int {
        CHANGES.fetch_add(1, Ordering::Release);
        0
    }

    /// Dictionaries that were looked at when the counter had a certain value.
    pub(crate) struct Dictionaries {
        watched: bool,
        seen: AtomicU64,
    }

    impl Dictionaries {
        /// To be made before the dictionaries are read.
        pub(crate) fn new<'py>(py: Python<'py>, dicts: impl Iterator<Item = Bound<'py, PyDict>>) -> Self {
            let seen = AtomicU64::new(CHANGES.load(Ordering::Acquire));
            // SAFETY: the callback has the signature that the function asks for and never fails.
            let watcher = *WATCHER.get_or_init(|| watcher_of(py, unsafe { PyDict_AddWatcher(changed) }));
            let Some(watcher) = watcher else { return Self { watched: false, seen } };
            let mut all = true;
            for dict in dicts {
                // SAFETY: the watcher is registered, the dictionary is alive.
                all &= watcher_of(py, unsafe { PyDict_Watch(watcher, dict.as_ptr()) }).is_some();
            }
            Self { watched: all, seen }
        }

        /// Shows the garbage collector what this holds.
        #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as before Python 3.12")]
        pub(crate) fn traverse(&self, _visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
            Ok(())
        }

        /// `None` if nothing has changed; otherwise what to tell [`Self::looked`] after another look.
        pub(crate) fn look(&self) -> Option<u64> {
            let now = CHANGES.load(Ordering::Acquire);
            (!self.watched || self.seen.load(Ordering::Relaxed) != now).then_some(now)
        }

        /// A look that began with this answer of [`Self::look`] found everything as it was.
        pub(crate) fn looked(&self, began: u64) {
            self.seen.store(began, Ordering::Relaxed);
        }
    }

    fn watcher_of(py: Python<'_>, answer: c_int) -> Option<c_int> {
        if answer < 0 {
            drop(PyErr::take(py));
            return None;
        }
        Some(answer)
    }
}

#[cfg(not(Py_3_12))]
mod imp {
    use std::sync::atomic::{AtomicU64, Ordering};

    use pyo3::ffi;

    use super::{Bound, Py, PyDict, PyTraverseError, PyVisit, Python};

    /// Dictionaries with the versions they had when they were looked at (`PyDictObject.ma_version_tag`, PEP 509).
    pub(crate) struct Dictionaries(Box<[(Py<PyDict>, AtomicU64)]>);

    impl Dictionaries {
        /// To be made before the dictionaries are read.
        pub(crate) fn new<'py>(_py: Python<'py>, dicts: impl Iterator<Item = Bound<'py, PyDict>>) -> Self {
            Self(dicts.map(|dict| (dict.clone().unbind(), AtomicU64::new(version(&dict)))).collect())
        }

        /// Shows the garbage collector what this holds.
        pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
            self.0.iter().try_for_each(|(dict, _)| visit.call(dict))
        }

        /// `None` if nothing has changed; otherwise what to tell [`Self::looked`] after another look.
        pub(crate) fn look(&self) -> Option<u64> {
            // SAFETY: whoever looks is attached; this build has a GIL, so nothing changes meanwhile.
            let py = unsafe { Python::assume_attached() };
            let same = |(dict, seen): &(Py<PyDict>, AtomicU64)| {
                version(dict.bind(py)) == seen.load(Ordering::Relaxed)
            };
            (!self.0.iter().all(same)).then_some(0)
        }

        /// A look that began with this answer of [`Self::look`] found everything as it was.
        pub(crate) fn looked(&self, _began: u64) {
            // SAFETY: as above; no Python code ran since `look`.
            let py = unsafe { Python::assume_attached() };
            for (dict, seen) in &self.0 {
                seen.store(version(dict.bind(py)), Ordering::Relaxed);
            }
        }
    }

    fn version(dict: &Bound<'_, PyDict>) -> u64 {
        // SAFETY: every dictionary of this interpreter has this layout.
        unsafe { (*dict.as_ptr().cast::<ffi::PyDictObject>()).ma_version_tag }
    }
}
