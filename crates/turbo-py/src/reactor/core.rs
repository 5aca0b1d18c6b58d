//! The runtime, and the future that decides when `park` is over.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::os::fd::{OwnedFd, RawFd};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use pyo3::{ffi, intern};
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Builder, Handle, LocalOptions, LocalRuntime};
use tokio::task::AbortHandle;
use tokio::time::{Instant, Sleep};

use super::interpreter::{self, Parking};
use super::notice::Notices;

thread_local! {
    /// The reactor whose `park` is running on this thread.
    static CURRENT: RefCell<Option<Rc<Core>>> = const { RefCell::new(None) };
    /// Wakers of runtime tasks that Python code woke between two parks.
    static WAKE_LATER: RefCell<Vec<Waker>> = const { RefCell::new(Vec::new()) };
    /// How many reactors live on this thread.
    static REACTORS: Cell<usize> = const { Cell::new(0) };
}

/// The runtime and its ties to asyncio.
pub(crate) struct Core {
    notices: Arc<Notices>,
    /// Weak: the loop owns the reactor, and the garbage collector cannot look into this type.
    event_loop: RefCell<Option<Py<PyWeakrefReference>>>,
    bound: RefCell<Option<Binding>>,
    timers_seen: Cell<isize>,
    poller: RefCell<Option<(RawFd, AsyncFd<OwnedFd>)>>,
    sleep: RefCell<Option<Pin<Box<Sleep>>>>,
    // Dropped by `close`, before the fields above could outlive it.
    runtime: RefCell<Option<Rc<LocalRuntime>>>,
}

/// What the core reads from the asyncio loop during one park.
struct Binding {
    /// `loop._ready`, the deque of callbacks to run.
    ready: Py<PyAny>,
    /// `loop._scheduled`; `_run_once` replaces the list when it drops many cancelled timers.
    scheduled: Py<PyAny>,
}

impl Core {
    pub(crate) fn new() -> PyResult<Self> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .on_thread_park(interpreter::before_wait)
            .on_thread_unpark(interpreter::after_wait)
            .build_local(LocalOptions::default())?;
        REACTORS.set(REACTORS.get() + 1);
        Ok(Self {
            notices: Arc::default(),
            event_loop: RefCell::new(None),
            bound: RefCell::new(None),
            timers_seen: Cell::new(0),
            poller: RefCell::new(None),
            sleep: RefCell::new(None),
            runtime: RefCell::new(Some(Rc::new(runtime))),
        })
    }

    pub(crate) fn bind(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        let weak = PyWeakrefReference::new(event_loop)?.unbind();
        *self.event_loop.borrow_mut() = Some(weak);
        Ok(())
    }

    pub(crate) fn handle(&self) -> &Arc<Notices> {
        &self.notices
    }

    pub(crate) fn event_loop(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let event_loop = self.event_loop.borrow().as_ref().and_then(|weak| weak.bind(py).upgrade());
        event_loop
            .map(Bound::unbind)
            .ok_or_else(|| PyRuntimeError::new_err("the reactor is not bound to a loop"))
    }

    fn runtime(&self) -> PyResult<Rc<LocalRuntime>> {
        self.runtime.borrow().clone().ok_or_else(|| PyRuntimeError::new_err("this reactor is closed"))
    }

    /// Starts `future` as a task of this runtime; it runs inside the coming parks.
    pub(crate) fn spawn_task(&self, future: impl Future<Output = ()> + 'static) -> PyResult<AbortHandle> {
        let inside = CURRENT
            .with_borrow(|current| current.as_ref().is_some_and(|core| std::ptr::eq(Rc::as_ptr(core), self)));
        let task =
            if inside { tokio::task::spawn_local(future) } else { self.runtime()?.spawn_local(future) };
        Ok(task.abort_handle())
    }

    pub(crate) fn close(&self) {
        *self.poller.borrow_mut() = None;
        *self.sleep.borrow_mut() = None;
        self.notices.forget_waker();
        let runtime = self.runtime.borrow_mut().take();
        let Some(runtime) = runtime else { return };
        REACTORS.set(REACTORS.get().saturating_sub(1));
        // Tasks die here, attached to the interpreter: they own Python references.
        if Handle::try_current().is_err() {
            drop(runtime);
        } else if let Some(runtime) = Rc::into_inner(runtime) {
            // Inside another runtime's task tokio refuses the drop, which might block.
            runtime.shutdown_background();
        }
    }

    pub(crate) fn park(
        self: &Rc<Self>,
        py: Python<'_>,
        poller: RawFd,
        timeout: Option<f64>,
    ) -> PyResult<bool> {
        let runtime = self.runtime()?;
        let Some(_parking) = Parking::enter() else {
            return Err(PyRuntimeError::new_err(
                "this thread already runs a turboapi event loop; start another one in a thread of its own",
            ));
        };
        self.watch(&runtime, poller)?;
        self.look_at_loop(py)?;
        let mut wait = Wait::new(timeout);
        let outer = CURRENT.replace(Some(Rc::clone(self)));
        let readable = runtime.block_on(poll_fn(|cx| self.poll(cx, poller, &mut wait)));
        CURRENT.set(outer);
        *self.bound.borrow_mut() = None;
        Ok(readable)
    }

    fn look_at_loop(&self, py: Python<'_>) -> PyResult<()> {
        let event_loop = self.event_loop(py)?;
        let ready = event_loop.getattr(py, intern!(py, "_ready"))?;
        let scheduled = event_loop.getattr(py, intern!(py, "_scheduled"))?;
        self.timers_seen.set(length(py, &scheduled));
        *self.bound.borrow_mut() = Some(Binding { ready, scheduled });
        Ok(())
    }

    fn watch(&self, runtime: &LocalRuntime, poller: RawFd) -> PyResult<()> {
        let mut slot = self.poller.borrow_mut();
        if slot.as_ref().is_none_or(|(watched, _)| *watched != poller) {
            let _guard = runtime.enter();
            *slot = Some((poller, interpreter::watch(poller)?));
        }
        Ok(())
    }

    /// Whether Python code that ran inside the runtime left something for asyncio to do.
    fn has_python_work(&self, py: Python<'_>) -> bool {
        self.bound.borrow().as_ref().is_some_and(|bound| {
            length(py, &bound.ready) != 0 || length(py, &bound.scheduled) != self.timers_seen.get()
        })
    }

    fn poll(&self, cx: &mut Context<'_>, poller: RawFd, wait: &mut Wait) -> Poll<bool> {
        let first = std::mem::replace(&mut wait.first, false);
        if first {
            self.notices.set_waker(cx.waker());
            WAKE_LATER.with_borrow_mut(|wakers| wakers.drain(..).for_each(Waker::wake));
        }
        let work = Python::attach(|py| {
            self.notices.deliver(py);
            self.has_python_work(py)
        });
        if self.poll_poller(cx, poller) {
            if first {
                // Descriptors of asyncio that are always ready must not keep the runtime from its turn.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(true);
        }
        if self.notices.take_return_request() {
            return Poll::Ready(false);
        }
        match &mut wait.kind {
            // asyncio has callbacks ready: run what is runnable, ask the driver once, go back.
            WaitKind::Once { polled } => {
                if std::mem::replace(polled, true) {
                    return Poll::Ready(false);
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            _ if work => Poll::Ready(false),
            WaitKind::Forever => Poll::Pending,
            WaitKind::Until(deadline) => {
                let mut slot = self.sleep.borrow_mut();
                let sleep = slot.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(*deadline)));
                if sleep.deadline() != *deadline {
                    sleep.as_mut().reset(*deadline);
                }
                sleep.as_mut().poll(cx).map(|()| false)
            }
        }
    }

    /// Whether asyncio's own poller has events.
    ///
    /// tokio watches it edge-triggered, so a readiness seen once is only dropped after the kernel
    /// says that nothing is left; otherwise an event that asyncio consumed in part would be lost.
    fn poll_poller(&self, cx: &mut Context<'_>, poller: RawFd) -> bool {
        let slot = self.poller.borrow();
        let Some((_, watched)) = slot.as_ref() else { return false };
        loop {
            match watched.poll_read_ready(cx) {
                Poll::Ready(Ok(mut guard)) => {
                    if interpreter::has_events(poller) {
                        return true;
                    }
                    guard.clear_ready();
                }
                Poll::Ready(Err(_)) => return true,
                Poll::Pending => return false,
            }
        }
    }
}

impl Drop for Core {
    /// A loop that was never closed ends like one that was.
    fn drop(&mut self) {
        self.close();
    }
}

/// How long one park may last.
struct Wait {
    first: bool,
    kind: WaitKind,
}

enum WaitKind {
    Once { polled: bool },
    Until(Instant),
    Forever,
}

impl Wait {
    fn new(timeout: Option<f64>) -> Self {
        let kind = match timeout {
            None => WaitKind::Forever,
            Some(seconds) if seconds > 0.0 => Duration::try_from_secs_f64(seconds)
                .ok()
                .and_then(|wait| Instant::now().checked_add(wait))
                .map_or(WaitKind::Forever, WaitKind::Until),
            Some(_) => WaitKind::Once { polled: false },
        };
        Self { first: true, kind }
    }
}

fn length(py: Python<'_>, container: &Py<PyAny>) -> isize {
    // SAFETY: `container` is a live deque or list; their length cannot fail.
    unsafe { ffi::PyObject_Size(container.bind(py).as_ptr()) }
}

/// To be called after Python code ran inside a runtime task: ends the park if it left work.
pub(crate) fn after_python(py: Python<'_>) {
    CURRENT.with_borrow(|current| {
        if let Some(core) = current
            && core.has_python_work(py)
        {
            core.notices.request_return();
        }
    });
}

/// Wakes a runtime task from Python code.
///
/// Between two parks the wake-up is kept for the next one: tokio would take a wake-up from outside
/// the runtime as a foreign one, with a lock and a system call.
pub(crate) fn wake_soon(waker: Waker) {
    if interpreter::is_parking() || REACTORS.get() == 0 {
        waker.wake();
    } else {
        WAKE_LATER.with_borrow_mut(|wakers| wakers.push(waker));
    }
}
