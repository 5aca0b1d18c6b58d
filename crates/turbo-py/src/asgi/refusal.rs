//! What a client is told whose request never reaches the app.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use pyo3::prelude::*;

/// uvicorn's words, to the client and in its log.
const TEXT: &str = "Invalid HTTP request received.";

/// Makes the refusals of one server.
pub(crate) struct Refusal {
    logger: Py<PyAny>,
    product: bool,
    default_headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(crate) fn new(
        py: Python<'_>,
        product: bool,
        default_headers: Vec<(HeaderName, HeaderValue)>,
    ) -> PyResult<Self> {
        let logger = py.import("logging")?.call_method1("getLogger", ("uvicorn.error",))?.unbind();
        Ok(Self { logger, product, default_headers })
    }

    pub(crate) fn respond(&self, status: StatusCode) -> Response<Bytes> {
        Python::attach(|py| {
            if let Err(error) = self.logger.call_method1(py, "warning", (TEXT,)) {
                error.write_unraisable(py, None);
            }
        });
        let mut response = Response::new(Bytes::from_static(TEXT.as_bytes()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if self.product {
            headers.insert(header::SERVER, HeaderValue::from_static("turboapi"));
        }
        headers.extend(self.default_headers.iter().cloned());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(TEXT.len()));
        response
    }
}
