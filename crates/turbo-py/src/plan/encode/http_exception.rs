//! The answer of FastAPI's stock handler for `HTTPException`.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyType};

use super::json::{PrivateKeys, encode_between};
use super::payload::{Payload, has_framing, is_bodyless, length_value, plain_status_of};

static JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What `fastapi.exception_handlers.http_exception_handler` answers to `exception`; `None` for other types than the two
/// that FastAPI and Starlette define, and whenever that answer is not plain.
pub(crate) fn http_exception(py: Python<'_>, exception: &Bound<'_, PyAny>) -> Option<Payload> {
    let stock = Stock::get(py).ok()?;
    let class = exception.get_type();
    if !class.is(&stock.fastapi) && !class.is(&stock.starlette) {
        return None;
    }
    let status = plain_status_of(&exception.getattr(intern!(py, "status_code")).ok()?)?;
    let mut headers = own_headers(&exception.getattr(intern!(py, "headers")).ok()?)?;
    if has_framing(&headers) {
        return None;
    }
    if is_bodyless(status) {
        return Some(Payload { status, headers, body: Bytes::new() });
    }
    let detail = exception.getattr(intern!(py, "detail")).ok()?;
    let body = encode_between(b"{\"detail\":", &detail, b"}", PrivateKeys::Kept)?;
    let has_type = headers.iter().any(|(name, _)| name == CONTENT_TYPE);
    headers.push((CONTENT_LENGTH, length_value(body.len())));
    if !has_type {
        headers.push((CONTENT_TYPE, JSON.clone()));
    }
    Some(Payload { status, headers, body })
}

/// The exception's `headers`, as `Response.init_headers` turns them into bytes.
fn own_headers(headers: &Bound<'_, PyAny>) -> Option<Vec<(HeaderName, HeaderValue)>> {
    if headers.is_none() {
        return Some(Vec::new());
    }
    headers
        .cast_exact::<PyDict>()
        .ok()?
        .items()
        .iter()
        .map(|item| {
            let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract().ok()?;
            let name = name.cast_exact::<PyString>().ok()?;
            let name = HeaderName::from_bytes(name.to_str().ok()?.as_bytes()).ok()?;
            let value = value.cast_exact::<PyString>().ok()?;
            Some((name, HeaderValue::from_bytes(&latin_1(value.to_str().ok()?)?).ok()?))
        })
        .collect()
}

fn latin_1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect()
}

struct Stock {
    fastapi: Py<PyType>,
    starlette: Py<PyType>,
}

impl Stock {
    fn get(py: Python<'_>) -> PyResult<&'static Self> {
        static STOCK: PyOnceLock<Stock> = PyOnceLock::new();
        STOCK.get_or_try_init(py, || {
            let class = |module: &str| -> PyResult<Py<PyType>> {
                Ok(py.import(module)?.getattr("HTTPException")?.cast_into::<PyType>()?.unbind())
            };
            Ok(Self { fastapi: class("fastapi.exceptions")?, starlette: class("starlette.exceptions")? })
        })
    }
}
