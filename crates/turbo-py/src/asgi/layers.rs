//! The engine's layers as `HttpServer(..., layers=...)` takes them: a dictionary of settings by name.

use http::{HeaderName, HeaderValue, StatusCode};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use turbo_middleware::body_limit::BodyLimitLayer;
use turbo_middleware::compression::{Coding, CompressionLayer};
use turbo_middleware::metrics::{MetricsLayer, Recorder};
use turbo_middleware::request_id::RequestIdLayer;
use turbo_middleware::security_headers::SecurityHeadersLayer;
use turbo_middleware::timeout::TimeoutLayer;
use turbo_middleware::{Builder, Stack};

use super::metrics::MetricsRecorder;
use super::options;
use super::rate_limit::RateLimit;

/// What the settings ask for.
#[derive(Default)]
pub(crate) struct Layers {
    /// `None` when they ask for nothing.
    pub(crate) stack: Option<Stack>,
    /// What the layer of metrics writes to, if there is one.
    pub(crate) recorder: Option<Recorder>,
}

/// Reads the settings.
pub(crate) fn layers(layers: &Bound<'_, PyDict>) -> PyResult<Layers> {
    let mut builder = Builder::new();
    let mut recorder = None;
    for (name, settings) in layers {
        let name = name.cast_into::<PyString>()?;
        builder = match name.to_str()? {
            "request_id" => builder.request_id(settings.extract::<RequestId>()?.layer()?),
            "security_headers" => builder.security_headers(settings.extract::<SecurityHeaders>()?.layer()?),
            "timeout" => builder.timeout(settings.extract::<Timeout>()?.layer()?),
            "rate_limit" => builder.rate_limit(settings.extract::<RateLimit>()?.layer(layers.py())?),
            "metrics" => {
                let settings = settings.extract::<Metrics>()?;
                recorder = Some(settings.recorder.get().recorder().clone());
                builder.metrics(settings.layer())
            }
            "body_limit" => builder.body_limit(settings.extract::<BodyLimit>()?.layer()),
            "compression" => builder.compression(settings.extract::<Compression>()?.layer()?),
            unknown => return Err(PyValueError::new_err(format!("there is no layer {unknown:?}"))),
        };
    }
    let stack = builder.build();
    Ok(Layers { stack: (!stack.is_empty()).then_some(stack), recorder })
}

#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Metrics {
    recorder: Py<MetricsRecorder>,
    path: Option<String>,
}

impl Metrics {
    fn layer(self) -> MetricsLayer {
        let layer = MetricsLayer::new(self.recorder.get().recorder().clone());
        match self.path {
            Some(path) => layer.path(path),
            None => layer,
        }
    }
}

#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct RequestId {
    header: String,
    accept_incoming: bool,
}

impl RequestId {
    fn layer(&self) -> PyResult<RequestIdLayer> {
        Ok(RequestIdLayer::new().header(header_name(&self.header)?).accept_incoming(self.accept_incoming))
    }
}

/// The headers that are to be added.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct SecurityHeaders {
    headers: Vec<(String, String)>,
}

impl SecurityHeaders {
    fn layer(&self) -> PyResult<SecurityHeadersLayer> {
        let mut layer = SecurityHeadersLayer::off();
        for (name, value) in &self.headers {
            let value = HeaderValue::from_str(value)
                .map_err(|_| PyValueError::new_err(format!("{value:?} is not the value of a header")))?;
            layer = layer.header(header_name(name)?, value);
        }
        Ok(layer)
    }
}

#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Timeout {
    seconds: f64,
    status: u16,
}

impl Timeout {
    fn layer(&self) -> PyResult<TimeoutLayer> {
        let status = StatusCode::from_u16(self.status)
            .map_err(|_| PyValueError::new_err(format!("{} is not a status", self.status)))?;
        Ok(TimeoutLayer::new(options::seconds("seconds", self.seconds)?).status(status))
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

#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Compression {
    codings: Vec<String>,
    minimum_size: u64,
    gzip_level: u32,
    content_types: Option<Vec<String>>,
}

impl Compression {
    fn layer(&self) -> PyResult<CompressionLayer> {
        let codings = self.codings.iter().map(|name| coding(name)).collect::<PyResult<Vec<_>>>()?;
        let layer = CompressionLayer::new()
            .codings(codings)
            .minimum_size(self.minimum_size)
            .gzip_level(self.gzip_level);
        Ok(match &self.content_types {
            Some(content_types) => layer.content_types(content_types),
            None => layer,
        })
    }
}

fn coding(name: &str) -> PyResult<Coding> {
    let known = [Coding::Gzip, Coding::Brotli, Coding::Zstd];
    let coding = known.into_iter().find(|coding| coding.name() == name);
    coding.ok_or_else(|| PyValueError::new_err(format!("{name:?} is not a content coding")))
}

pub(super) fn header_name(name: &str) -> PyResult<HeaderName> {
    name.parse().map_err(|_| PyValueError::new_err(format!("{name:?} is not the name of a header")))
}
