//! A `receive` that tells again what was received already.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;

use crate::reactor::{Awaitable, Pollable, Step};

/// An ASGI `receive` callable: the messages that a plan has read, then those that follow.
#[pyclass(frozen, module = "turboapi._engine")]
pub(crate) struct Replay {
    messages: Mutex<VecDeque<Py<PyAny>>>,
    receive: Py<PyAny>,
}

impl Replay {
    pub(crate) fn new(messages: Vec<Py<PyAny>>, receive: Py<PyAny>) -> Self {
        Self { messages: Mutex::new(messages.into()), receive }
    }
}

#[pymethods]
impl Replay {
    fn __call__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let message = self.messages.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        match message {
            Some(message) => Ok(Py::new(py, Awaitable::new(Told(Mutex::new(Some(message)))))?.into_any()),
            None => self.receive.call0(py),
        }
    }
}

struct Told(Mutex<Option<Py<PyAny>>>);

impl Pollable for Told {
    fn poll(&self, _py: Python<'_>) -> PyResult<Step> {
        let message = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(message.map_or(Step::Done, Step::Value))
    }
}
