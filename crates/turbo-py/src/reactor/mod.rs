//! One thread, two loops: asyncio's selector runs the tokio runtime while it waits.
//!
//! `asyncio.SelectorEventLoop` asks its selector to wait; the Python selector calls
//! [`Reactor::park`], which drives a tokio [`LocalRuntime`] until asyncio has something to do:
//! one of asyncio's own descriptors is ready, its timeout is over, or Python code that ran inside
//! the runtime left callbacks or timers behind. Requests are handled inside `park`, with the loop
//! running, so a coroutine that never suspends never touches asyncio's queues.
//!
//! The thread stays attached to the interpreter for a whole burst of work; it detaches in tokio's
//! before-park hook, right before the runtime really waits for the kernel ([`interpreter`]).

mod awaitable;
mod core;
mod future;
mod interpreter;
mod notice;
mod questions;
mod thread_bound;

pub(crate) use self::awaitable::{Awaitable, Pollable, Step};
pub(crate) use self::core::{Core, after_python, wake_soon};
use self::future::into_awaitable;
pub(crate) use self::notice::{Notice, Notices, Waiting, remove, resolve_all};
pub(crate) use self::questions::answer_natively;
pub(crate) use self::thread_bound::ThreadBound;

use std::os::fd::RawFd;
use std::rc::Rc;
use std::time::Duration;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

/// The runtime half of an event loop. It belongs to the thread that made it.
#[pyclass(frozen, module = "turboapi._engine")]
pub(crate) struct Reactor {
    core: ThreadBound<Rc<Core>>,
}

impl Reactor {
    pub(crate) fn core(&self) -> PyResult<Rc<Core>> {
        self.core
            .with(Rc::clone)
            .ok_or_else(|| PyRuntimeError::new_err("this reactor is closed or belongs to another thread"))
    }
}

#[pymethods]
impl Reactor {
    #[new]
    fn new() -> PyResult<Self> {
        Ok(Self { core: ThreadBound::new(Rc::new(Core::new()?)) })
    }

    /// Ties the reactor to its asyncio loop; called once, by the loop's constructor.
    fn bind(&self, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        self.core()?.bind(event_loop)
    }

    /// Runs the runtime until asyncio has work; `True` when `poller` has events to fetch.
    ///
    /// `timeout` is in seconds; `None` waits for ever, zero or less polls once.
    #[pyo3(signature = (poller, timeout))]
    fn park(&self, py: Python<'_>, poller: RawFd, timeout: Option<f64>) -> PyResult<bool> {
        self.core()?.park(py, poller, timeout)
    }

    /// Ends the current or the next `park`; callable from any thread through the loop only.
    fn wake(&self) {
        if let Ok(core) = self.core() {
            core.handle().request_return();
        }
    }

    /// An awaitable that completes after `seconds` on the runtime's own clock.
    ///
    /// The smallest user of the bridge from Rust futures to awaitables, which database and cache
    /// clients on this reactor share.
    fn sleep(&self, py: Python<'_>, seconds: f64) -> PyResult<Py<Awaitable>> {
        let wait = Duration::try_from_secs_f64(seconds)
            .map_err(|error| PyValueError::new_err(format!("cannot sleep: {error}")))?;
        let core = self.core()?;
        let event_loop = core.event_loop(py)?;
        let nothing = py.None();
        into_awaitable(py, &core, event_loop, async move {
            tokio::time::sleep(wait).await;
            Ok(nothing)
        })
    }

    /// Drops the runtime and every task on it. Further calls raise `RuntimeError`.
    fn close(&self) {
        if let Some(core) = self.core.take() {
            core.close();
        }
    }
}
