//! What `receive` and `send` of a WebSocket return when they cannot complete at once.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::session::WebSocketSession;
use super::state::Incoming;
use crate::reactor::{Pollable, Step, Waiting, remove, wake_soon};

/// `await receive()`.
pub(super) struct Receive {
    session: Py<WebSocketSession>,
    waiting: Waiting,
}

impl Receive {
    pub(super) fn new(session: Py<WebSocketSession>) -> Self {
        Self { session, waiting: Waiting::default() }
    }
}

impl Pollable for Receive {
    fn poll(&self, py: Python<'_>) -> PyResult<Step> {
        let session = self.session.get();
        let (incoming, pump) = {
            let mut state = session.lock();
            let incoming = state.receive();
            let pump = incoming.is_some().then(|| state.take_pump()).flatten();
            (incoming, pump)
        };
        pump.into_iter().for_each(wake_soon);
        if let Some(incoming) = incoming {
            return Ok(Step::Value(told(py, incoming)?.into_any().unbind()));
        }
        let waiter = session.create_future(py)?;
        self.waiting.begin(waiter.clone_ref(py));
        session.lock().receivers.push(waiter.clone_ref(py));
        Ok(Step::Wait(waiter))
    }

    fn cancel(&self) {
        self.waiting.end(|waiter| remove(&mut self.session.get().lock().receivers, waiter));
    }
}

fn told(py: Python<'_>, incoming: Incoming) -> PyResult<Bound<'_, PyDict>> {
    let message = PyDict::new(py);
    let kind = intern!(py, "type");
    match incoming {
        Incoming::Connect => message.set_item(kind, intern!(py, "websocket.connect"))?,
        Incoming::Text(text) => {
            message.set_item(kind, intern!(py, "websocket.receive"))?;
            message.set_item(intern!(py, "text"), text)?;
        }
        Incoming::Bytes(data) => {
            message.set_item(kind, intern!(py, "websocket.receive"))?;
            message.set_item(intern!(py, "bytes"), PyBytes::new(py, &data))?;
        }
        Incoming::Disconnect { code, reason } => {
            message.set_item(kind, intern!(py, "websocket.disconnect"))?;
            message.set_item(intern!(py, "code"), code)?;
            if let Some(reason) = reason {
                message.set_item(intern!(py, "reason"), reason)?;
            }
        }
    }
    Ok(message)
}

/// `await send()` while the client is slower than the app.
pub(super) struct Drain {
    session: Py<WebSocketSession>,
    waiting: Waiting,
}

impl Drain {
    pub(super) fn new(session: Py<WebSocketSession>) -> Self {
        Self { session, waiting: Waiting::default() }
    }
}

impl Pollable for Drain {
    fn poll(&self, py: Python<'_>) -> PyResult<Step> {
        let session = self.session.get();
        if session.lock().is_relieved() {
            return Ok(Step::Done);
        }
        let waiter = session.create_future(py)?;
        self.waiting.begin(waiter.clone_ref(py));
        session.lock().senders.push(waiter.clone_ref(py));
        Ok(Step::Wait(waiter))
    }

    fn cancel(&self) {
        self.waiting.end(|waiter| remove(&mut self.session.get().lock().senders, waiter));
    }
}

/// `send()` called on a foreign thread: it acts where it is awaited.
pub(super) struct Deferred {
    pub(super) session: Py<WebSocketSession>,
    pub(super) message: Py<PyDict>,
}

impl Pollable for Deferred {
    fn poll(&self, py: Python<'_>) -> PyResult<Step> {
        self.session.get().accept_message(py, self.message.bind(py)).map(|()| Step::Done)
    }
}
