//! What an app says in `send`, taken apart at the border.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyKeyError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict, PyString};

/// Bodies up to this size are copied: cheaper than keeping the Python object alive.
const COPY_LIMIT: usize = 4096;

/// A message dictionary; other mappings are turned into one.
pub(crate) fn message<'py>(message: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    if let Ok(dict) = message.cast::<PyDict>() {
        return Ok(dict.clone());
    }
    Ok(message.py().get_type::<PyDict>().call1((message,))?.cast_into::<PyDict>()?)
}

/// The value under `key`; `KeyError` when it is missing, as indexing raises.
pub(crate) fn required<'py>(
    message: &Bound<'py, PyDict>,
    key: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    message.get_item(key)?.ok_or_else(|| PyKeyError::new_err(key.clone().unbind()))
}

/// The message's `type`.
pub(crate) fn kind<'py>(message: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyString>> {
    Ok(required(message, intern!(message.py(), "type"))?.cast_into::<PyString>()?)
}

/// A flag such as `more_body`: false when absent.
pub(crate) fn flag(message: &Bound<'_, PyDict>, key: &Bound<'_, PyString>) -> PyResult<bool> {
    message.get_item(key)?.map_or(Ok(false), |value| value.is_truthy())
}

/// The bytes of a body or frame, without a copy when they are many.
pub(crate) fn bytes(value: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    if let Ok(exact) = value.cast::<PyBytes>() {
        let data = exact.as_bytes();
        return Ok(if data.len() <= COPY_LIMIT {
            Bytes::copy_from_slice(data)
        } else {
            Bytes::from_owner(PyBackedBytes::from(exact.clone()))
        });
    }
    let buffer = PyBuffer::<u8>::get(value).map_err(|_| {
        PyTypeError::new_err(format!("a bytes-like object is required, not '{}'", type_name(value)))
    })?;
    buffer.to_vec(value.py()).map(Bytes::from)
}

fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string())
}

/// The `status` of a response start: a final status, 200 to 999 aside from what HTTP reserves.
pub(crate) fn status(message: &Bound<'_, PyDict>) -> PyResult<StatusCode> {
    final_status(&required(message, intern!(message.py(), "status"))?)
}

/// A status that a response can have.
pub(crate) fn final_status(value: &Bound<'_, PyAny>) -> PyResult<StatusCode> {
    let code: i64 = value.extract()?;
    // 1xx are not final (RFC 9110 15.2); uvicorn knows codes below 600 only.
    u16::try_from(code)
        .ok()
        .filter(|code| (200..600).contains(code))
        .and_then(|code| StatusCode::from_u16(code).ok())
        .ok_or_else(|| PyRuntimeError::new_err(format!("Invalid HTTP status code '{code}' in response.")))
}

/// The `headers` of a message: any iterable of pairs, names lower-cased, duplicates kept.
pub(crate) fn headers(message: &Bound<'_, PyDict>, into: &mut HeaderMap) -> PyResult<()> {
    let headers = message.get_item(intern!(message.py(), "headers"))?;
    headers.map_or(Ok(()), |headers| fields(&headers, into))
}

/// The pairs of an iterable.
pub(crate) fn fields(pairs: &Bound<'_, PyAny>, into: &mut HeaderMap) -> PyResult<()> {
    for pair in pairs.try_iter()? {
        let (name, value) = self::pair(&pair?)?;
        into.try_append(name, value).map_err(|_| PyRuntimeError::new_err("Too many HTTP headers."))?;
    }
    Ok(())
}

/// Refuses a length that is none, and keeps one kind of framing (RFC 9112 6.2, 6.3).
pub(crate) fn check_framing(headers: &mut HeaderMap) -> PyResult<()> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        headers.remove(header::CONTENT_LENGTH);
        return Ok(());
    }
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else { return Ok(()) };
    let digits = first.as_bytes();
    let is_number = digits.iter().all(u8::is_ascii_digit)
        && std::str::from_utf8(digits).is_ok_and(|digits| digits.parse::<u64>().is_ok());
    let mut repeated = false;
    let agree = lengths.inspect(|_| repeated = true).all(|other| other == first);
    if !is_number || !agree {
        let text = first.to_str().unwrap_or_default();
        return Err(PyValueError::new_err(format!("Invalid Content-Length '{text}' in response.")));
    }
    if repeated {
        let first = first.clone();
        headers.insert(header::CONTENT_LENGTH, first);
    }
    Ok(())
}

/// One `(name, value)` pair of bytes, checked as RFC 9110 5.1 and 5.5 define them.
pub(crate) fn pair(pair: &Bound<'_, PyAny>) -> PyResult<(HeaderName, HeaderValue)> {
    let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = if let Ok(pair) = pair.extract() {
        pair
    } else {
        let mut parts = pair.try_iter()?;
        let (Some(name), Some(value), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err(PyRuntimeError::new_err("A header must be a pair of bytes."));
        };
        (name?, value?)
    };
    let name = with_bytes(&name, |bytes| HeaderName::from_bytes(bytes).ok())?
        .ok_or_else(|| PyRuntimeError::new_err("Invalid HTTP header name."))?;
    let value = with_bytes(&value, |bytes| HeaderValue::from_bytes(bytes).ok())?
        .ok_or_else(|| PyRuntimeError::new_err("Invalid HTTP header value."))?;
    Ok((name, value))
}

fn with_bytes<R>(value: &Bound<'_, PyAny>, read: impl FnOnce(&[u8]) -> R) -> PyResult<R> {
    match value.cast::<PyBytes>() {
        Ok(exact) => Ok(read(exact.as_bytes())),
        Err(_) => bytes(value).map(|copy| read(&copy)),
    }
}
