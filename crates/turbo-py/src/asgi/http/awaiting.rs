//! What `receive` and `send` of an HTTP request return when they cannot complete at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::super::server::Server;
use super::cycle::HttpCycle;
use super::state::Received;
use crate::reactor::{Notice, Pollable, Step, Waiting, remove, resolve_all, wake_soon};

/// `await receive()`.
pub(super) struct Receive {
    cycle: Py<HttpCycle>,
    waiting: Waiting,
}

impl Receive {
    pub(super) fn new(cycle: Py<HttpCycle>) -> Self {
        Self { cycle, waiting: Waiting::default() }
    }
}

impl Pollable for Receive {
    fn poll(&self, py: Python<'_>) -> PyResult<Step> {
        let cycle = self.cycle.get();
        let received = cycle.lock().receive(|| {
            Waker::from(Arc::new(BodyWaker {
                cycle: self.cycle.clone_ref(py),
                server: Arc::clone(cycle.server()),
            }))
        });
        match received {
            Received::Body { data, more } => {
                let message = PyDict::new(py);
                message.set_item(intern!(py, "type"), intern!(py, "http.request"))?;
                message.set_item(intern!(py, "body"), PyBytes::new(py, &data))?;
                message.set_item(intern!(py, "more_body"), more)?;
                Ok(Step::Value(message.into_any().unbind()))
            }
            Received::Broken => {
                let waker = cycle.lock().take_waker();
                waker.into_iter().for_each(wake_soon);
                let message = PyDict::new(py);
                message.set_item(intern!(py, "type"), intern!(py, "http.disconnect"))?;
                Ok(Step::Value(message.into_any().unbind()))
            }
            Received::Disconnect => {
                let message = PyDict::new(py);
                message.set_item(intern!(py, "type"), intern!(py, "http.disconnect"))?;
                Ok(Step::Value(message.into_any().unbind()))
            }
            Received::Pending => {
                let waiter = cycle.server().create_future(py)?;
                self.waiting.begin(waiter.clone_ref(py));
                cycle.lock().receivers.push(waiter.clone_ref(py));
                Ok(Step::Wait(waiter))
            }
        }
    }

    fn cancel(&self) {
        self.waiting.end(|waiter| remove(&mut self.cycle.get().lock().receivers, waiter));
    }
}

/// `await send()` while the client is slower than the app.
pub(super) struct Drain {
    cycle: Py<HttpCycle>,
    waiting: Waiting,
}

impl Drain {
    pub(super) fn new(cycle: Py<HttpCycle>) -> Self {
        Self { cycle, waiting: Waiting::default() }
    }
}

impl Pollable for Drain {
    fn poll(&self, py: Python<'_>) -> PyResult<Step> {
        let cycle = self.cycle.get();
        if cycle.lock().is_relieved() {
            return Ok(Step::Done);
        }
        let waiter = cycle.server().create_future(py)?;
        self.waiting.begin(waiter.clone_ref(py));
        cycle.lock().senders.push(waiter.clone_ref(py));
        Ok(Step::Wait(waiter))
    }

    fn cancel(&self) {
        self.waiting.end(|waiter| remove(&mut self.cycle.get().lock().senders, waiter));
    }
}

/// Wakes whoever waits for the request body.
struct BodyWaker {
    cycle: Py<HttpCycle>,
    server: Arc<Server>,
}

impl Wake for BodyWaker {
    fn wake(self: Arc<Self>) {
        let notices = Arc::clone(&self.server.notices);
        notices.post(self);
    }
}

impl Notice for BodyWaker {
    fn deliver(&self, py: Python<'_>) {
        let receivers = std::mem::take(&mut self.cycle.get().lock().receivers);
        resolve_all(py, receivers);
    }
}

/// `await send()` after the client has left: an app that produces without end and never waits for
/// anything else would keep the loop from ever telling it.
#[derive(Default)]
pub(super) struct Turn(AtomicBool);

impl Pollable for Turn {
    fn poll(&self, _py: Python<'_>) -> PyResult<Step> {
        Ok(if self.0.swap(true, Ordering::Relaxed) { Step::Done } else { Step::Yield })
    }
}

/// `send()` called on a foreign thread, as `run_coroutine_threadsafe(send(...), loop)` does: it acts
/// where it is awaited.
pub(super) struct Deferred {
    pub(super) cycle: Py<HttpCycle>,
    pub(super) message: Py<PyDict>,
}

impl Pollable for Deferred {
    fn poll(&self, py: Python<'_>) -> PyResult<Step> {
        self.cycle.get().accept(py, self.message.bind(py)).map(|_| Step::Done)
    }
}
