//! The last phase of a plan: from what an endpoint returned to status, headers and body.
//!
//! The rules are those of FastAPI's request handler from `run_endpoint_function` on (`fastapi/routing.py`) and of
//! Starlette's `Response`. [`Encoder`] does what the specification says that `turboapi.plans.responses` compiled;
//! [`json`] writes trees of builtins; [`payload`] knows statuses and headers; what neither can prove to be the same is
//! built by Starlette's own classes from the same value.

mod call;
mod encoder;
mod familiar;
mod http_exception;
mod json;
mod payload;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

pub(crate) use self::encoder::{Encoded, Encoder, Place};
pub(crate) use self::http_exception::http_exception;
pub(crate) use self::payload::Payload;

/// The JSON text of `value` as FastAPI makes it for a route without a response model; `None` when `value` is no tree
/// of exact builtins, or has no such text.
#[pyfunction]
pub(crate) fn encode_json<'py>(value: &Bound<'py, PyAny>) -> Option<Bound<'py, PyBytes>> {
    let text = json::encode(value, json::PrivateKeys::Dropped)?;
    Some(PyBytes::new(value.py(), &text))
}

/// The answer of FastAPI's own handler to an `HTTPException`, as `(status, headers, body)`; for tests.
#[pyfunction]
pub(crate) fn encode_http_exception<'py>(
    exception: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = exception.py();
    http_exception(py, exception).map(|payload| payload.to_python(py)).transpose()
}
