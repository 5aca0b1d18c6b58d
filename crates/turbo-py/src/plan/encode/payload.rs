//! Statuses and headers as Starlette's `Response` makes them.

use std::sync::LazyLock;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, StatusCode};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyList};

use crate::asgi::message;

/// Lengths below this have their text ready.
const SMALL_LENGTHS: usize = 1024;

/// Room for what middleware adds; it costs nothing where none does.
const SPARE_FIELDS: usize = 4;

/// A whole answer, with its headers in FastAPI's order.
#[derive(Clone)]
pub(crate) struct Payload {
    pub(crate) status: StatusCode,
    /// Complete but for what the server adds (`date`, `server`).
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

impl Payload {
    /// The answer of a `Response` made from `body`: its headers, then what the endpoint's own `Response` parameter
    /// collected.
    pub(super) fn new(head: Head, content_type: Option<&HeaderValue>, body: Bytes) -> Self {
        let Head { status, injected } = head;
        let mut headers = Vec::with_capacity(2 + injected.len() + SPARE_FIELDS);
        let bodyless = is_bodyless(status);
        if !bodyless {
            headers.push((CONTENT_LENGTH, length_value(body.len())));
        }
        if let Some(content_type) = content_type {
            headers.push((CONTENT_TYPE, content_type.clone()));
        }
        headers.extend(injected);
        Self { status, headers, body: if bodyless { Bytes::new() } else { body } }
    }

    /// The answer that the stock `Response.__call__` would send for `response`; `None` when only it can tell.
    pub(super) fn of_response(response: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        let py = response.py();
        if !response.getattr(intern!(py, "background"))?.is_none() {
            return Ok(None);
        }
        let body = response.getattr(intern!(py, "body"))?;
        let Ok(body) = body.cast_exact::<PyBytes>() else { return Ok(None) };
        let Some(status) = final_status(&response.getattr(intern!(py, "status_code"))?) else {
            return Ok(None);
        };
        let raw_headers = response.getattr(intern!(py, "raw_headers"))?;
        let Some(headers) = header_list(&raw_headers) else { return Ok(None) };
        let body = message::bytes(body.as_any())?;
        if !is_framed_by(&headers, body.len()) {
            return Ok(None);
        }
        Ok(Some(Self { status, headers, body }))
    }

    /// As Python sees it: status, headers, body.
    pub(super) fn to_python<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| {
                (PyBytes::new(py, name.as_str().as_bytes()), PyBytes::new(py, value.as_bytes()))
            })
            .collect();
        Ok((self.status.as_u16(), headers, PyBytes::new(py, &self.body)).into_pyobject(py)?.into_any())
    }
}

/// Status and additional headers of an answer that is not written yet.
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) injected: Vec<(HeaderName, HeaderValue)>,
}

/// The header value of a length; those of small answers are made once.
pub(super) fn length_value(length: usize) -> HeaderValue {
    static SMALL: LazyLock<Vec<HeaderValue>> = LazyLock::new(|| {
        (0..SMALL_LENGTHS).map(|length| HeaderValue::from_static(length.to_string().leak())).collect()
    });
    SMALL.get(length).cloned().unwrap_or_else(|| HeaderValue::from(length))
}

/// Statuses whose answer has no body (RFC 9110 15.3.5 and 15.4.5) and, in Starlette, no length.
pub(super) fn is_bodyless(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// A status that an answer can be written for here.
///
/// Not the informational ones, which the bridge refuses with uvicorn's words, nor 205, whose answer FastAPI sends with
/// the length of a body that it has taken away.
pub(super) fn plain_status(code: u16) -> Option<StatusCode> {
    ((200..600).contains(&code) && code != 205).then(|| StatusCode::from_u16(code).ok()).flatten()
}

/// [`plain_status`] of an `int` or a subclass of it such as `http.HTTPStatus`.
pub(super) fn plain_status_of(value: &Bound<'_, PyAny>) -> Option<StatusCode> {
    plain_status(value.cast::<PyInt>().ok()?.extract().ok()?)
}

/// A status that can be sent, from an `int` or a subclass of it such as `http.HTTPStatus`.
fn final_status(value: &Bound<'_, PyAny>) -> Option<StatusCode> {
    let code: u16 = value.cast::<PyInt>().ok()?.extract().ok()?;
    (200..600).contains(&code).then(|| StatusCode::from_u16(code).ok()).flatten()
}

/// The pairs of a list of headers; `None` when one of them could not be sent as it is.
pub(super) fn header_list(raw: &Bound<'_, PyAny>) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let list = raw.cast_exact::<PyList>().ok()?;
    list.iter().map(|pair| message::pair(&pair).ok()).collect()
}

/// Whether the headers describe a body of `length` bytes, or leave that to the server.
fn is_framed_by(headers: &[(HeaderName, HeaderValue)], length: usize) -> bool {
    let mut lengths = headers.iter().filter(|(name, _)| name == CONTENT_LENGTH);
    let agrees = lengths.next().is_none_or(|(_, value)| *value == HeaderValue::from(length));
    agrees && lengths.next().is_none() && !headers.iter().any(|(name, _)| name == TRANSFER_ENCODING)
}

/// Whether one of the headers is about framing, which an answer decides by itself.
pub(super) fn has_framing(headers: &[(HeaderName, HeaderValue)]) -> bool {
    headers.iter().any(|(name, _)| name == CONTENT_LENGTH || name == TRANSFER_ENCODING)
}
