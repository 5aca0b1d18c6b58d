//! Letting go of the interpreter exactly while the runtime waits for the kernel.

use std::cell::Cell;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::ptr;

use pyo3::ffi;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

thread_local! {
    /// Whether this thread is inside `park`, attached by the Python caller.
    static PARKING: Cell<bool> = const { Cell::new(false) };
    /// The thread state saved by [`before_wait`] until [`after_wait`] restores it.
    static SAVED: Cell<*mut ffi::PyThreadState> = const { Cell::new(ptr::null_mut()) };
}

/// Marks the extent of one `park`; refuses a second one on the same thread.
pub(crate) struct Parking(());

impl Parking {
    pub(crate) fn enter() -> Option<Self> {
        // Only a new mark may be made here: dropping one that was refused would end the outer park's.
        if PARKING.replace(true) { None } else { Some(Self(())) }
    }
}

impl Drop for Parking {
    fn drop(&mut self) {
        PARKING.set(false);
    }
}

/// Whether this thread runs runtime tasks inside `park` right now.
pub(crate) fn is_parking() -> bool {
    PARKING.get()
}

/// tokio's before-park hook: detaches the thread from the interpreter.
pub(crate) fn before_wait() {
    if PARKING.get() {
        // SAFETY: inside `park` the thread is attached, and between this call and `after_wait`
        // the runtime only polls its I/O driver and wakes wakers, none of which touch Python.
        SAVED.set(unsafe { ffi::PyEval_SaveThread() });
    }
}

/// tokio's after-unpark hook: attaches the thread again.
pub(crate) fn after_wait() {
    let saved = SAVED.replace(ptr::null_mut());
    if !saved.is_null() {
        // SAFETY: `saved` is this thread's own state, stored by `before_wait`.
        unsafe { ffi::PyEval_RestoreThread(saved) };
    }
}

/// Whether the poller descriptor (an epoll or kqueue) has an event waiting.
pub(crate) fn has_events(poller: RawFd) -> bool {
    let mut query = libc::pollfd { fd: poller, events: libc::POLLIN, revents: 0 };
    // SAFETY: `query` is one valid `pollfd`; a zero timeout never blocks.
    unsafe { libc::poll(&raw mut query, 1, 0) != 0 }
}

/// Registers a duplicate of `poller` with the running tokio runtime.
pub(crate) fn watch(poller: RawFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the selector that calls `park` keeps its poller open during the call.
    let duplicate = unsafe { BorrowedFd::borrow_raw(poller) }.try_clone_to_owned()?;
    // SAFETY: the `AsyncFd` owns the duplicate, so it stays open and the same while registered.
    unsafe { AsyncFd::register_with_interest(duplicate, Interest::READABLE) }.map_err(io::Error::from)
}
