//! The ASGI messages that a plan reads and writes.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};

use crate::plan::encode::Payload;

/// An ASGI `send` callable that remembers whether the response has begun.
#[pyclass(frozen, module = "turboapi._engine")]
pub(super) struct WatchedSend {
    send: Py<PyAny>,
    started: AtomicBool,
}

impl WatchedSend {
    pub(super) fn new(send: Py<PyAny>) -> Self {
        Self { send, started: AtomicBool::new(false) }
    }

    pub(super) fn has_started(&self) -> bool {
        self.started.load(Ordering::Relaxed)
    }
}

#[pymethods]
impl WatchedSend {
    fn __call__<'py>(&self, message: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.started.store(true, Ordering::Relaxed);
        self.send.bind(message.py()).call1((message,))
    }
}

/// Appends the body of an `http.request` message; says whether more follows, `None` for other messages.
pub(super) fn take_body(message: &Bound<'_, PyAny>, data: &mut Vec<u8>) -> Option<bool> {
    let py = message.py();
    let message = message.cast::<PyDict>().ok()?;
    let kind = message.get_item(intern!(py, "type")).ok()??;
    if kind.cast::<PyString>().ok()?.to_str().ok()? != "http.request" {
        return None;
    }
    if let Some(body) = message.get_item(intern!(py, "body")).ok()? {
        data.extend_from_slice(body.cast::<PyBytes>().ok()?.as_bytes());
    }
    match message.get_item(intern!(py, "more_body")).ok()? {
        Some(more) => more.is_truthy().ok(),
        None => Some(false),
    }
}

/// `http.response.start` of this answer.
pub(super) fn start_message<'py>(py: Python<'py>, payload: &Payload) -> PyResult<Bound<'py, PyDict>> {
    let message = PyDict::new(py);
    message.set_item(intern!(py, "type"), intern!(py, "http.response.start"))?;
    message.set_item(intern!(py, "status"), payload.status.as_u16())?;
    message.set_item(intern!(py, "headers"), header_list(py, payload)?)?;
    Ok(message)
}

/// The header fields of this answer, as ASGI has them.
pub(super) fn header_list<'py>(py: Python<'py>, payload: &Payload) -> PyResult<Bound<'py, PyList>> {
    let headers = PyList::empty(py);
    for (name, value) in &payload.headers {
        let name = PyBytes::new(py, name.as_str().as_bytes());
        headers.append(PyTuple::new(py, [name, PyBytes::new(py, value.as_bytes())])?)?;
    }
    Ok(headers)
}
