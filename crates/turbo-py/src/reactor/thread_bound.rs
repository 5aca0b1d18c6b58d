//! A value that only its own thread may touch, inside an object that any thread may hold.

use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::{AtomicU64, Ordering};

/// Names the calling thread; no other thread of the process ever has the same number.
///
/// `std::thread::current().id()` would do, but clones a handle for it, and this is asked several times a request.
fn this_thread() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static NUMBER: Cell<u64> = const { Cell::new(0) };
    }
    NUMBER.with(|number| {
        if number.get() == 0 {
            number.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        number.get()
    })
}

/// Holds a `!Send` value for the thread that made it; other threads see nothing.
///
/// `PyO3`'s `unsendable` classes do the same by panicking; a loop object that is collected on
/// another thread after it was closed is ordinary and must stay silent.
pub(crate) struct ThreadBound<T> {
    owner: u64,
    value: UnsafeCell<Option<T>>,
}

// SAFETY: every access goes through `with`, `take` or `drop`, which check that the caller is the
// owning thread before they touch `value`.
unsafe impl<T> Send for ThreadBound<T> {}
// SAFETY: as above; the owning thread alone ever forms a reference to `value`.
unsafe impl<T> Sync for ThreadBound<T> {}

impl<T> ThreadBound<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { owner: this_thread(), value: UnsafeCell::new(Some(value)) }
    }

    pub(crate) fn is_owner(&self) -> bool {
        this_thread() == self.owner
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
