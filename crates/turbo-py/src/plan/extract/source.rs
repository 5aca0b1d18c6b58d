//! Where query and header fields are read from: a request of hyper, or an ASGI scope.

use http::{HeaderMap, HeaderName};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

/// The parts of a request head that parameters are taken from.
pub(crate) trait Source {
    /// The query without its question mark, still encoded.
    fn query(&self) -> &[u8];
    /// The value of the first header line called `name`.
    fn first_header(&self, name: &HeaderName) -> Option<&[u8]>;
    /// Calls `visit` with the value of each header line called `name`, in their order.
    fn each_header<'s>(&'s self, name: &HeaderName, visit: &mut dyn FnMut(&'s [u8]));
    /// Calls `visit` with name and value of every header line; lines of one name are in their order.
    fn every_header<'s>(&'s self, visit: &mut dyn FnMut(&'s [u8], &'s [u8]));
}

/// A request of hyper.
pub(crate) struct RequestSource<'r> {
    query: &'r [u8],
    headers: &'r HeaderMap,
}

impl<'r> RequestSource<'r> {
    pub(crate) fn new(query: Option<&'r str>, headers: &'r HeaderMap) -> Self {
        Self { query: query.unwrap_or_default().as_bytes(), headers }
    }
}

impl Source for RequestSource<'_> {
    fn query(&self) -> &[u8] {
        self.query
    }

    fn first_header(&self, name: &HeaderName) -> Option<&[u8]> {
        self.headers.get(name).map(http::HeaderValue::as_bytes)
    }

    fn each_header<'s>(&'s self, name: &HeaderName, visit: &mut dyn FnMut(&'s [u8])) {
        self.headers.get_all(name).iter().for_each(|value| visit(value.as_bytes()));
    }

    fn every_header<'s>(&'s self, visit: &mut dyn FnMut(&'s [u8], &'s [u8])) {
        self.headers.iter().for_each(|(name, value)| visit(name.as_str().as_bytes(), value.as_bytes()));
    }
}

/// An ASGI scope, whose header names are lower-case as the ASGI specification demands; other names match nothing,
/// as in Starlette (`starlette/datastructures.py`, `Headers`).
pub(crate) struct ScopeSource<'py> {
    query: Bound<'py, PyBytes>,
    headers: Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)>,
}

impl<'py> ScopeSource<'py> {
    /// Reads `query_string` and, if `with_headers`, `headers`; `None` unless they are what a server makes them.
    pub(crate) fn new(scope: &Bound<'py, PyDict>, with_headers: bool) -> Option<Self> {
        let py = scope.py();
        let query = item(scope, intern!(py, "query_string"))?.cast_into_exact::<PyBytes>().ok()?;
        if !with_headers {
            return Some(Self { query, headers: Vec::new() });
        }
        let lines = item(scope, intern!(py, "headers"))?;
        let mut headers = Vec::new();
        if let Ok(lines) = lines.cast_exact::<PyList>() {
            headers.reserve(lines.len());
            for line in lines.iter() {
                headers.push(header(&line)?);
            }
        } else {
            for line in lines.cast_exact::<PyTuple>().ok()?.iter_borrowed() {
                headers.push(header(&line)?);
            }
        }
        Some(Self { query, headers })
    }
}

fn item<'py>(
    scope: &Bound<'py, PyDict>,
    key: &Bound<'py, pyo3::types::PyString>,
) -> Option<Bound<'py, PyAny>> {
    scope.get_item(key).ok().flatten()
}

fn header<'py>(line: &Bound<'py, PyAny>) -> Option<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let (name, value) = if let Ok(line) = line.cast_exact::<PyTuple>() {
        if line.len() != 2 {
            return None;
        }
        (line.get_item(0).ok()?, line.get_item(1).ok()?)
    } else {
        let line = line.cast_exact::<PyList>().ok()?;
        if line.len() != 2 {
            return None;
        }
        (line.get_item(0).ok()?, line.get_item(1).ok()?)
    };
    Some((name.cast_into_exact().ok()?, value.cast_into_exact().ok()?))
}

impl Source for ScopeSource<'_> {
    fn query(&self) -> &[u8] {
        self.query.as_bytes()
    }

    fn first_header(&self, name: &HeaderName) -> Option<&[u8]> {
        let name = name.as_str().as_bytes();
        self.headers.iter().find(|(key, _)| key.as_bytes() == name).map(|(_, value)| value.as_bytes())
    }

    fn each_header<'s>(&'s self, name: &HeaderName, visit: &mut dyn FnMut(&'s [u8])) {
        let name = name.as_str().as_bytes();
        self.headers
            .iter()
            .filter(|(key, _)| key.as_bytes() == name)
            .for_each(|(_, value)| visit(value.as_bytes()));
    }

    fn every_header<'s>(&'s self, visit: &mut dyn FnMut(&'s [u8], &'s [u8])) {
        self.headers.iter().for_each(|(name, value)| visit(name.as_bytes(), value.as_bytes()));
    }
}
