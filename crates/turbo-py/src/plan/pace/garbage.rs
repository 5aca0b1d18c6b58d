//! The time that garbage collections take, which is no callable's fault.
//!
//! A full collection of a large heap takes 100 milliseconds and more. It happens inside whatever allocates at
//! that moment and stops every thread that runs Python, so a hop to the pool would not have helped.

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::clock;

static STARTED: AtomicU64 = AtomicU64::new(0);
static COLLECTED: AtomicU64 = AtomicU64::new(0);

/// Nanoseconds that collections have taken since [`watch`].
#[inline]
pub(crate) fn collected() -> u64 {
    COLLECTED.load(Ordering::Relaxed)
}

/// Registers with `gc.callbacks`, once.
pub(crate) fn watch(py: Python<'_>) -> PyResult<()> {
    static WATCHING: PyOnceLock<()> = PyOnceLock::new();
    WATCHING
        .get_or_try_init(py, || {
            let callback = wrap_pyfunction!(note_collection, py)?;
            py.import("gc")?.getattr("callbacks")?.call_method1("append", (callback,))?;
            Ok(())
        })
        .copied()
}

/// What `gc` calls before and after a collection; there is never more than one at a time.
#[pyfunction]
fn note_collection(phase: &str, _info: &Bound<'_, PyAny>) {
    let now = clock::now();
    if phase == "start" {
        STARTED.store(now, Ordering::Relaxed);
    } else {
        let started = STARTED.load(Ordering::Relaxed);
        COLLECTED.fetch_add(now.saturating_sub(started), Ordering::Relaxed);
    }
}
