//! The rate limit as Python asks for it.

use http::HeaderName;
use http::request::Parts;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use turbo_middleware::forwarded::Client;
use turbo_middleware::rate_limit::{
    ByAddress, ByHeader, Fields, Key, KeyExtractor, Limiter, MemoryStore, OnOutage, OutageEvent, Policy,
    Quota, RateLimitLayer, RedisStore, SystemClock,
};

use super::layers::header_name;
use super::options;
use crate::reactor::after_python;

/// Buckets that several servers of one process share; see `_engine.pyi`.
#[pyclass(frozen, module = "turboapi._engine")]
pub(crate) struct RateLimitBuckets {
    store: MemoryStore,
}

#[pymethods]
impl RateLimitBuckets {
    #[new]
    #[pyo3(signature = (max_keys=MemoryStore::MAX_KEYS))]
    fn new(max_keys: usize) -> Self {
        Self { store: MemoryStore::new(max_keys) }
    }

    /// Buckets in memory.
    fn __len__(&self) -> usize {
        self.store.len()
    }
}

#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct RateLimit {
    limit: u32,
    window: f64,
    burst: Option<u32>,
    key: Py<PyAny>,
    policy: String,
    fields: String,
    exempt: Vec<String>,
    redis: Option<String>,
    redis_prefix: String,
    redis_timeout: f64,
    on_outage: String,
    buckets: Py<RateLimitBuckets>,
}

impl RateLimit {
    pub(crate) fn layer(&self, py: Python<'_>) -> PyResult<RateLimitLayer> {
        let quota = Quota::new(self.limit, options::seconds("window", self.window)?);
        let quota = match self.burst {
            Some(burst) => quota.and_then(|quota| quota.burst(burst)),
            None => quota,
        };
        let policy =
            Policy::new(&self.policy, quota.map_err(|error| PyValueError::new_err(error.to_string()))?);
        let limiter = match &self.redis {
            None => Limiter::in_memory(policy, self.buckets.get().store.clone()),
            Some(url) => {
                let timeout = options::seconds("redis_timeout", self.redis_timeout)?;
                let store = RedisStore::with(url, &self.redis_prefix, timeout)
                    .map_err(|error| PyValueError::new_err(format!("redis: {error}")))?;
                let logger = logger(py)?;
                Limiter::shared(policy, store)
                    .outage_listener(SystemClock::default(), move |event| log(&logger, event))
            }
        };
        let on_outage = match self.on_outage.as_str() {
            "allow" => OnOutage::Allow,
            "refuse" => OnOutage::Refuse,
            other => return Err(PyValueError::new_err(format!("on_outage is {other:?}"))),
        };
        let fields = match self.fields.as_str() {
            "draft-10" => Fields::Draft10,
            "draft-06" => Fields::Draft06,
            "off" => Fields::Off,
            other => return Err(PyValueError::new_err(format!("fields is {other:?}"))),
        };
        let key = PythonKey { exempt: self.exempt.clone(), source: self.source(py)? };
        Ok(RateLimitLayer::with(limiter.on_outage(on_outage).fields(fields), key))
    }

    fn source(&self, py: Python<'_>) -> PyResult<Source> {
        let key = self.key.bind(py);
        let Ok(name) = key.cast::<PyString>() else {
            return Ok(Source::Function { function: self.key.clone_ref(py), logger: logger(py)? });
        };
        match name.to_str()?.split_once(':') {
            None if name == "address" => Ok(Source::Address),
            Some(("header", name)) => Ok(Source::Header(ByHeader::new(header_name(name.trim())?))),
            _ => Err(PyValueError::new_err(format!("key is {name:?}"))),
        }
    }
}

struct PythonKey {
    exempt: Vec<String>,
    source: Source,
}

enum Source {
    Address,
    Header(ByHeader),
    Function { function: Py<PyAny>, logger: Py<PyAny> },
}

impl KeyExtractor for PythonKey {
    fn key(&self, request: &Parts) -> Option<Key> {
        if self.exempt.iter().any(|path| path == request.uri.path()) {
            return None;
        }
        match &self.source {
            Source::Address => ByAddress.key(request),
            Source::Header(header) => header.key(request),
            Source::Function { function, logger } => Python::attach(|py| {
                let key = scope(py, request).and_then(|scope| key_of(&function.bind(py).call1((scope,))?));
                after_python(py);
                key.unwrap_or_else(|error| {
                    log_exception(logger.bind(py), error);
                    // Nobody is let through uncounted for an error of the function.
                    Some(Key::Unknown)
                })
            }),
        }
    }
}

/// `None` exempts; text and bytes are keys.
fn key_of(value: &Bound<'_, PyAny>) -> PyResult<Option<Key>> {
    if value.is_none() {
        return Ok(None);
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Some(Key::text(text.to_str()?)));
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Some(Key::text(bytes.as_bytes())));
    }
    let kind = value.get_type().qualname()?;
    Err(pyo3::exceptions::PyTypeError::new_err(format!(
        "the key function of a rate limit has to return str, bytes or None, not {kind}"
    )))
}

/// As much of an HTTP scope as is known before the app: no state, no extensions.
fn scope<'py>(py: Python<'py>, request: &Parts) -> PyResult<Bound<'py, PyDict>> {
    let scope = PyDict::new(py);
    scope.set_item(intern!(py, "type"), intern!(py, "http"))?;
    scope.set_item(intern!(py, "method"), request.method.as_str())?;
    let raw_path = request.uri.path();
    let path = percent_encoding::percent_decode_str(raw_path).decode_utf8_lossy();
    scope.set_item(intern!(py, "path"), path)?;
    scope.set_item(intern!(py, "raw_path"), PyBytes::new(py, raw_path.as_bytes()))?;
    let query = request.uri.query().unwrap_or_default();
    scope.set_item(intern!(py, "query_string"), PyBytes::new(py, query.as_bytes()))?;
    let headers = PyList::empty(py);
    for (name, value) in &request.headers {
        let name: &HeaderName = name;
        let pair = [PyBytes::new(py, name.as_str().as_bytes()), PyBytes::new(py, value.as_bytes())];
        headers.append(PyTuple::new(py, pair)?)?;
    }
    scope.set_item(intern!(py, "headers"), headers)?;
    let client = request.extensions.get::<Client>().map(|client| (&*client.host, client.port));
    scope.set_item(intern!(py, "client"), client)?;
    Ok(scope)
}

fn logger(py: Python<'_>) -> PyResult<Py<PyAny>> {
    Ok(py.import("logging")?.call_method1("getLogger", ("uvicorn.error",))?.unbind())
}

fn log(logger: &Py<PyAny>, event: &OutageEvent<'_>) {
    let level = if matches!(event, OutageEvent::Began(_)) { "error" } else { "warning" };
    Python::attach(|py| {
        if let Err(error) = logger.call_method1(py, level, ("%s", event.to_string())) {
            error.write_unraisable(py, None);
        }
    });
}

fn log_exception(logger: &Bound<'_, PyAny>, error: PyErr) {
    let py = logger.py();
    let keywords = PyDict::new(py);
    let outcome = keywords.set_item("exc_info", error.into_value(py)).and_then(|()| {
        logger.call_method("error", ("Exception in the key function of a rate limit",), Some(&keywords))
    });
    if let Err(error) = outcome {
        error.write_unraisable(py, Some(logger));
    }
}
