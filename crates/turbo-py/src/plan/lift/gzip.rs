//! Compression by the interpreter's own zlib, whose bytes no other encoder has.

use bytes::Bytes;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt};
use turbo_middleware::gzip::{Policy, Verdict};

use crate::asgi::message;
use crate::plan::encode::Payload;

/// `zlib.DEFLATED`.
const DEFLATED: i32 = 8;
/// `16 + zlib.MAX_WBITS`: a gzip header and trailer.
const GZIP_WINDOW: i32 = 31;

/// A lifted `GZipMiddleware`.
pub(super) struct Gzip {
    policy: Policy,
    level: Py<PyInt>,
    /// From this length on Starlette compresses in a thread, which is left to it.
    thread_minimum_size: usize,
    /// `zlib.compressobj`.
    compressobj: Py<PyAny>,
}

impl Gzip {
    pub(super) fn new(
        policy: Policy,
        level: Py<PyInt>,
        thread_minimum_size: usize,
        compressobj: Py<PyAny>,
    ) -> Self {
        Self { policy, level, thread_minimum_size, compressobj }
    }

    /// Compresses a whole answer if the policy says so; `None` leaves it to Starlette, half done perhaps.
    pub(super) fn after(&self, py: Python<'_>, accepted: bool, payload: &mut Payload) -> Option<()> {
        let length = payload.body.len();
        match self.policy.verdict(accepted, payload.status, &payload.headers, Some(length)) {
            Verdict::Untouched => {}
            Verdict::Identity => Policy::identity(&mut payload.headers),
            // With no minimum size Starlette gives a body to what must not have one.
            Verdict::Compress if length == 0 || length >= self.thread_minimum_size => return None,
            Verdict::Compress => {
                payload.body = self.compress(py, &payload.body).ok()?;
                Policy::compressed(&mut payload.headers, payload.body.len());
            }
        }
        Some(())
    }

    /// `GZipResponder._compress_body` of a whole body.
    fn compress(&self, py: Python<'_>, body: &[u8]) -> PyResult<Bytes> {
        let compressor = self.compressobj.bind(py).call1((&self.level, DEFLATED, GZIP_WINDOW))?;
        let body = PyBytes::new(py, body);
        let first = compressor.call_method1(intern!(py, "compress"), (body,))?;
        let rest = compressor.call_method0(intern!(py, "flush"))?;
        let (first, rest) = (first.cast_into::<PyBytes>()?, rest.cast_into::<PyBytes>()?);
        if first.as_bytes().is_empty() {
            return message::bytes(rest.as_any());
        }
        Ok([first.as_bytes(), rest.as_bytes()].concat().into())
    }
}
