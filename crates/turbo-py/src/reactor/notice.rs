//! Work for the Python side that Rust wakers ask for.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

use pyo3::intern;
use pyo3::prelude::*;

/// Something that must happen with the interpreter attached, on the loop's thread.
pub(crate) trait Notice: Send + Sync {
    /// Runs inside `park`, outside of every lock.
    fn deliver(&self, py: Python<'_>);
}

/// The mailbox of one reactor; wakers on any thread may post to it.
///
/// A waker must not call Python itself: it may run on a foreign thread, or on this one inside a
/// lock of the library that wakes it.
#[derive(Default)]
pub(crate) struct Notices {
    queue: Mutex<Vec<Arc<dyn Notice>>>,
    waker: Mutex<Option<Waker>>,
    return_requested: std::sync::atomic::AtomicBool,
}

impl Notices {
    /// Queues `notice` and makes the reactor deliver it soon.
    pub(crate) fn post(&self, notice: Arc<dyn Notice>) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push(notice);
        self.wake();
    }

    /// Makes the current or next `park` return to asyncio.
    pub(crate) fn request_return(&self) {
        self.return_requested.store(true, std::sync::atomic::Ordering::Release);
        self.wake();
    }

    pub(crate) fn take_return_request(&self) -> bool {
        use std::sync::atomic::Ordering::{AcqRel, Relaxed};
        self.return_requested.load(Relaxed) && self.return_requested.swap(false, AcqRel)
    }

    pub(crate) fn set_waker(&self, waker: &Waker) {
        let mut slot = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        match slot.as_mut() {
            Some(current) => current.clone_from(waker),
            None => *slot = Some(waker.clone()),
        }
    }

    /// Lets go of the runtime that the last `park` ran on: its waker keeps the runtime's descriptors open.
    pub(crate) fn forget_waker(&self) {
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(waker);
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.lock().unwrap_or_else(PoisonError::into_inner) {
            waker.wake_by_ref();
        }
    }

    /// Delivers everything posted so far.
    pub(crate) fn deliver(&self, py: Python<'_>) {
        let posted = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            if queue.is_empty() {
                return;
            }
            std::mem::take(&mut *queue)
        };
        for notice in posted {
            notice.deliver(py);
        }
    }
}

/// The future that one awaitable waits on, so that it can be forgotten when the wait is cancelled:
/// a request that is asked again and again must not collect the futures of old questions.
#[derive(Default)]
pub(crate) struct Waiting(Mutex<Option<Py<PyAny>>>);

impl Waiting {
    pub(crate) fn begin(&self, waiter: Py<PyAny>) {
        let before = self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(waiter);
        drop(before);
    }

    /// Has `remove` take the waiter off its list; it is dropped here, outside of any lock.
    pub(crate) fn end(&self, remove: impl FnOnce(&Py<PyAny>) -> Option<Py<PyAny>>) {
        let waiter = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let removed = waiter.as_ref().and_then(remove);
        drop(removed);
    }
}

/// Takes `waiter` off a list.
pub(crate) fn remove(waiters: &mut Vec<Py<PyAny>>, waiter: &Py<PyAny>) -> Option<Py<PyAny>> {
    let place = waiters.iter().position(|other| other.is(waiter))?;
    Some(waiters.swap_remove(place))
}

/// Completes asyncio futures that stand for "look again"; cancelled ones are passed over.
pub(crate) fn resolve_all(py: Python<'_>, waiters: Vec<Py<PyAny>>) {
    for waiter in waiters {
        let waiter = waiter.bind(py);
        let resolved = waiter.call_method0(intern!(py, "done")).and_then(|done| {
            if !done.is_truthy()? {
                waiter.call_method1(intern!(py, "set_result"), (py.None(),))?;
            }
            Ok(())
        });
        if let Err(error) = resolved
            && !has_closed_loop(waiter)
        {
            error.write_unraisable(py, Some(waiter));
        }
    }
}

/// Whether nobody can wait for this future any more.
fn has_closed_loop(future: &Bound<'_, PyAny>) -> bool {
    let py = future.py();
    future
        .call_method0(intern!(py, "get_loop"))
        .and_then(|event_loop| event_loop.call_method0(intern!(py, "is_closed"))?.is_truthy())
        .unwrap_or(false)
}
