//! What a request says for a parameter, before validation.

use std::borrow::Cow;

use pyo3::prelude::*;
use pyo3::types::PyString;
use pyo3::{Bound, ffi};

/// One value of a query, header field, cookie or path.
pub(super) enum Text<'a> {
    Utf8(Cow<'a, str>),
    /// The bytes of a header field, which ASGI frameworks read as ISO 8859-1.
    Latin1(&'a [u8]),
}

impl<'a> Text<'a> {
    pub(super) fn header(value: &'a [u8]) -> Self {
        match std::str::from_utf8(value) {
            Ok(text) if value.is_ascii() => Self::Utf8(Cow::Borrowed(text)),
            _ => Self::Latin1(value),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Utf8(text) => text.is_empty(),
            Self::Latin1(bytes) => bytes.is_empty(),
        }
    }

    /// The text, if it is known to be UTF-8.
    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Utf8(text) => Some(text),
            Self::Latin1(_) => None,
        }
    }

    pub(super) fn object<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        match self {
            Self::Utf8(text) => Some(PyString::new(py, text).into_any()),
            Self::Latin1(bytes) => {
                let length = ffi::Py_ssize_t::try_from(bytes.len()).ok()?;
                // SAFETY: pointer and length describe `bytes`; the call returns a new reference, or null with
                // an exception set, which can only be a `MemoryError`.
                unsafe {
                    let text = ffi::PyUnicode_DecodeLatin1(bytes.as_ptr().cast(), length, std::ptr::null());
                    Bound::from_owned_ptr_or_err(py, text).ok()
                }
            }
        }
    }
}
