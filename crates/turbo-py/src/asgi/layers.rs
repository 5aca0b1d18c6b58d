//! The engine's layers as `HttpServer(..., layers=...)` takes them: a dictionary of settings by name.

use http::HeaderName;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use turbo_middleware::body_limit::BodyLimitLayer;
use turbo_middleware::request_id::RequestIdLayer;
use turbo_middleware::{Builder, Stack};

/// The stack that the settings ask for; `None` when they ask for nothing.
pub(crate) fn stack(layers: &Bound<'_, PyDict>) -> PyResult<Option<Stack>> {
    let mut builder = Builder::new();
    for (name, settings) in layers {
        let name = name.cast_into::<PyString>()?;
        builder = match name.to_str()? {
            "request_id" => builder.request_id(settings.extract::<RequestId>()?.layer()?),
            "body_limit" => builder.body_limit(settings.extract::<BodyLimit>()?.layer()),
            unknown => return Err(PyValueError::new_err(format!("there is no layer {unknown:?}"))),
        };
    }
    let stack = builder.build();
    Ok((!stack.is_empty()).then_some(stack))
}

#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct RequestId {
    header: String,
    accept_incoming: bool,
}

impl RequestId {
    fn layer(&self) -> PyResult<RequestIdLayer> {
        let header = header_name(&self.header)?;
        Ok(RequestIdLayer::new().header(header).accept_incoming(self.accept_incoming))
    }
}

#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct BodyLimit {
    limit: u64,
}

impl BodyLimit {
    fn layer(&self) -> BodyLimitLayer {
        BodyLimitLayer::new(self.limit)
    }
}

fn header_name(name: &str) -> PyResult<HeaderName> {
    name.parse().map_err(|_| PyValueError::new_err(format!("{name:?} is not the name of a header")))
}
