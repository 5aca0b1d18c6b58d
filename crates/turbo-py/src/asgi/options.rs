//! The settings of a server, as `HttpServer(...)` takes them.

use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::shedding::Shedding;

/// Limits, time-outs and switches; names and defaults are uvicorn's where it has them.
pub(crate) struct Options {
    pub(crate) keep_alive: Duration,
    pub(crate) header_read: Duration,
    pub(crate) limit_concurrency: Option<usize>,
    pub(crate) limit_connections: Option<usize>,
    /// Refuses requests while too many wait for the app.
    pub(crate) shedding: Option<Shedding>,
    pub(crate) max_header_bytes: Option<usize>,
    pub(crate) date_header: bool,
    pub(crate) websockets: WebSocketOptions,
}

/// What applies to WebSocket connections.
#[derive(Clone)]
pub(crate) struct WebSocketOptions {
    pub(crate) enabled: bool,
    /// Bytes of the largest message that is accepted.
    pub(crate) max_size: usize,
    pub(crate) ping_interval: Option<Duration>,
    pub(crate) ping_timeout: Option<Duration>,
}

/// Seconds as a duration; negative, infinite and NaN are refused by name.
pub(crate) fn seconds(name: &str, value: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(value).map_err(|_| {
        PyValueError::new_err(format!("{name} must be a number of seconds, zero or more, not {value}"))
    })
}

/// An optional number of seconds; `None` and zero switch the feature off.
pub(crate) fn optional_seconds(name: &str, value: Option<f64>) -> PyResult<Option<Duration>> {
    value.filter(|value| *value != 0.0).map(|value| seconds(name, value)).transpose()
}
