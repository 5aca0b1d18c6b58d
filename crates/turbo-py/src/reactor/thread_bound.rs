//! A value that only its own thread may touch, inside an object that any thread may hold.

use std::cell::UnsafeCell;
use std::thread::{self, ThreadId};

/// Holds a `!Send` value for the thread that made it; other threads see nothing.
///
/// `PyO3`'s `unsendable` classes do the same by panicking; a loop object that is collected on
/// another thread after it was closed is ordinary and must stay silent.
pub(crate) struct ThreadBound<T> {
    owner: ThreadId,
    value: UnsafeCell<Option<T>>,
}

// SAFETY: every access goes through `with`, `take` or `drop`, which check that the caller is the
// owning thread before they touch `value`.
unsafe impl<T> Send for ThreadBound<T> {}
// SAFETY: as above; the owning thread alone ever forms a reference to `value`.
unsafe impl<T> Sync for ThreadBound<T> {}

impl<T> ThreadBound<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { owner: thread::current().id(), value: UnsafeCell::new(Some(value)) }
    }

    pub(crate) fn is_owner(&self) -> bool {
        thread::current().id() == self.owner
    }

    /// Runs `read` on the value; `None` on a foreign thread or after [`ThreadBound::take`].
    ///
    /// `read` must not call back into this object; the callers only clone an `Rc`.
    pub(crate) fn with<R>(&self, read: impl FnOnce(&T) -> R) -> Option<R> {
        if !self.is_owner() {
            return None;
        }
        // SAFETY: this is the owning thread, and `take` cannot run while `read` does.
        unsafe { (*self.value.get()).as_ref().map(read) }
    }

    /// Moves the value out; `None` on a foreign thread or when it is gone already.
    pub(crate) fn take(&self) -> Option<T> {
        if !self.is_owner() {
            return None;
        }
        // SAFETY: this is the owning thread and no reference from `with` is alive.
        unsafe { (*self.value.get()).take() }
    }
}

impl<T> Drop for ThreadBound<T> {
    fn drop(&mut self) {
        if !self.is_owner() {
            // Leaking is the only safe end for a `!Send` value that reached a foreign thread.
            std::mem::forget(self.value.get_mut().take());
        }
    }
}
