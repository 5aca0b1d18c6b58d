//! The metrics as Python sees them, and their page on a port of its own.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tower_service::Service;
use turbo_http::{Config, Listener, Shutdown};
use turbo_middleware::answer::AnswerBody;
use turbo_middleware::metrics::{Format, Kind, Recorder, Sample};

use super::http::ResponseBody;
use crate::reactor::Core;

/// Where page readers find the metrics.
const PATH: &str = "/metrics";

/// The metrics of one or more servers; see `_engine.pyi`.
#[pyclass(frozen, module = "turboapi._engine")]
pub(crate) struct MetricsRecorder {
    recorder: Recorder,
}

impl MetricsRecorder {
    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }
}

#[pymethods]
impl MetricsRecorder {
    #[new]
    #[pyo3(signature = (routes=Recorder::ROUTES))]
    fn new(routes: usize) -> Self {
        Self { recorder: Recorder::with_routes(routes) }
    }

    /// Has `source` called for each page.
    fn add_source(&self, source: Py<PyAny>) {
        self.recorder.add_source(move || Python::attach(|py| samples(source.bind(py))));
    }

    /// The page as text, in the Prometheus format or in `OpenMetrics`.
    #[pyo3(signature = (*, openmetrics=false))]
    fn page(&self, py: Python<'_>, openmetrics: bool) -> String {
        let format = if openmetrics { Format::OpenMetrics } else { Format::Prometheus };
        py.detach(|| self.recorder.page(format))
    }
}

/// Name, help, `gauge` or `counter`, labels, value.
type Row = (String, String, String, Vec<(String, String)>, f64);

fn samples(source: &Bound<'_, PyAny>) -> Vec<Sample> {
    let rows = source.call0().and_then(|rows| rows.extract::<Vec<Row>>());
    let sample = |(name, help, kind, labels, value): Row| {
        let kind = if kind == "counter" { Kind::Counter } else { Kind::Gauge };
        Sample { name, help, kind, labels, value }
    };
    match rows {
        Ok(rows) => rows.into_iter().map(sample).collect(),
        Err(error) => {
            error.write_unraisable(source.py(), Some(source));
            Vec::new()
        }
    }
}

/// Accepts on `fd` and answers with the page.
pub(crate) fn listen(core: &Core, fd: RawFd, recorder: Recorder, shutdown: Shutdown) -> PyResult<()> {
    if fd < 0 {
        return Err(PyValueError::new_err("fd must be the descriptor of a listening socket"));
    }
    // SAFETY: the caller hands over an open descriptor, as the method documents.
    let listener = Listener::from_fd(unsafe { OwnedFd::from_raw_fd(fd) })?;
    let config = Config::builder().build().map_err(|error| PyValueError::new_err(error.to_string()))?;
    core.spawn_task(async move {
        let make = |_: &turbo_http::Connection| Page { recorder: recorder.clone() };
        // Without the page the server goes on.
        let _ = turbo_http::serve(listener, make, Arc::new(config), shutdown).await;
    })?;
    Ok(())
}

/// Answers `GET /metrics`.
struct Page {
    recorder: Recorder,
}

impl Service<Request<turbo_http::RequestBody>> for Page {
    type Response = Response<AnswerBody<ResponseBody>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<turbo_http::RequestBody>) -> Self::Future {
        let found = request.uri().path() == PATH;
        let readable = matches!(*request.method(), Method::GET | Method::HEAD);
        let (status, content_type, text) = match (found, readable) {
            (true, true) => {
                let format = Format::accepted(request.headers().get(header::ACCEPT));
                (StatusCode::OK, format.content_type(), self.recorder.page(format))
            }
            (true, false) => (StatusCode::METHOD_NOT_ALLOWED, PLAIN, "Method Not Allowed".to_owned()),
            (false, _) => (StatusCode::NOT_FOUND, PLAIN, format!("The metrics are at {PATH}\n")),
        };
        let length = HeaderValue::from(text.len());
        let mut response = Response::new(AnswerBody::full(text));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        response.headers_mut().insert(header::CONTENT_LENGTH, length);
        ready(Ok(response))
    }
}

const PLAIN: &str = "text/plain; charset=utf-8";
