//! `HttpServer`: listeners, the app, and what its requests share.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use http::{HeaderName, HeaderValue};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString, PyTuple};
use slab::Slab;
use turbo_http::{Config, Listener, Shutdown, ShutdownHandle};
use turbo_middleware::forwarded::TrustedProxies;

use super::access::{AccessLog, Row};
use super::coroutine::{Exchange, RequestCoroutine};
use super::message;
use super::options::{self, Options, WebSocketOptions};
use super::reason::Reasons;
use super::service::AppService;
use crate::python;
use crate::reactor::ThreadBound;
use crate::reactor::{Awaitable, Core, Notices, Pollable, Reactor, Step, after_python, resolve_all};

/// What all requests of one server share.
pub(crate) struct Server {
    pub(crate) app: Py<PyAny>,
    pub(crate) event_loop: Py<PyAny>,
    pub(crate) notices: Arc<Notices>,
    /// The result of a `send` that need not wait.
    pub(crate) done: Py<PyAny>,
    pub(crate) root_path: Py<PyString>,
    pub(crate) root_path_text: Arc<str>,
    pub(crate) root_path_bytes: Box<[u8]>,
    pub(crate) asgi_http: Py<PyDict>,
    pub(crate) asgi_websocket: Py<PyDict>,
    pub(crate) state: Py<PyDict>,
    pub(crate) proxies: Option<TrustedProxies>,
    pub(crate) server_header: Option<HeaderValue>,
    pub(crate) default_headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) reasons: Reasons,
    pub(crate) options: Options,
    logger: Py<PyAny>,
    access: Option<AccessLog>,
    tasks: TaskFactory,
    context: OnceLock<Py<PyAny>>,
    config: Arc<Config>,
    running: Mutex<Slab<(Py<PyAny>, Exchange)>>,
    in_flight: AtomicUsize,
    total: AtomicUsize,
    listening: AtomicUsize,
    closing: Mutex<Vec<Py<PyAny>>>,
}

/// How this interpreter starts a task.
struct TaskFactory {
    task_type: Py<PyAny>,
    eager_keywords: Py<PyTuple>,
    /// `asyncio.Task(eager_start=)` came with Python 3.12.
    eager: bool,
    /// The user set a task factory: it is asked instead.
    custom: AtomicBool,
}

impl TaskFactory {
    fn load(py: Python<'_>) -> PyResult<Self> {
        Ok(Self {
            task_type: py.import("asyncio")?.getattr("Task")?.unbind(),
            eager_keywords: PyTuple::new(py, ["loop", "context", "eager_start"])?.unbind(),
            eager: py.version_info() >= (3, 12),
            custom: AtomicBool::new(false),
        })
    }
}

impl Server {
    /// Starts the app on one exchange; it has run to its first suspension when this returns.
    pub(crate) fn run(
        self: &Arc<Self>,
        py: Python<'_>,
        exchange: Exchange,
        scope: Bound<'_, PyDict>,
    ) -> PyResult<()> {
        let context = match self.context.get() {
            Some(context) => python::copy_context(context.bind(py))?,
            None => python::current_context(py)?,
        };
        let coroutine = Bound::new(py, RequestCoroutine::new(Arc::clone(self), exchange, scope))?;
        let task = if self.tasks.eager && !self.tasks.custom.load(Ordering::Relaxed) {
            python::call_with_keywords(
                self.tasks.task_type.bind(py),
                coroutine.as_any(),
                [
                    self.event_loop.bind_borrowed(py),
                    context.as_borrowed(),
                    PyBool::new(py, true).as_any().as_borrowed(),
                ],
                self.tasks.eager_keywords.bind(py),
            )?
        } else {
            let keywords = PyDict::new(py);
            keywords.set_item(intern!(py, "context"), context)?;
            self.event_loop.bind(py).call_method(
                intern!(py, "create_task"),
                (&coroutine,),
                Some(&keywords),
            )?
        };
        coroutine.get().keep(py, task);
        Ok(())
    }

    pub(crate) fn create_future(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.event_loop.call_method0(py, intern!(py, "create_future"))
    }

    pub(crate) fn request_started(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn request_finished(&self, py: Python<'_>) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.tell_if_closed(py);
    }

    pub(crate) fn response_completed(&self) {
        self.total.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether `limit_concurrency` is reached: connections or running requests, as uvicorn counts.
    pub(crate) fn is_overloaded(&self) -> bool {
        self.options.limit_concurrency.is_some_and(|limit| {
            self.config.stats().open_connections() >= limit as u64
                || self.in_flight.load(Ordering::Relaxed) >= limit
        })
    }

    fn running(&self) -> MutexGuard<'_, Slab<(Py<PyAny>, Exchange)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn register(&self, task: Py<PyAny>, exchange: Exchange) -> usize {
        self.running().insert((task, exchange))
    }

    pub(crate) fn unregister(&self, slot: usize) {
        let entry = self.running().try_remove(slot);
        drop(entry);
    }

    pub(crate) fn log_access(&self, row: impl FnOnce() -> Row) {
        if let Some(access) = &self.access {
            access.push(row());
        }
    }

    pub(crate) fn log_error(&self, py: Python<'_>, text: &str) {
        self.log(py, "error", (text,), None);
    }

    pub(crate) fn log_warning(&self, py: Python<'_>, text: &str) {
        self.log(py, "warning", (text,), None);
    }

    pub(crate) fn log_info(&self, py: Python<'_>, text: &str) {
        self.log(py, "info", (text,), None);
    }

    pub(crate) fn log_unexpected_result(&self, py: Python<'_>, result: &Bound<'_, PyAny>) {
        let text = "ASGI callable should return None, but returned '%s'.";
        self.log(py, "error", (text, result), None);
    }

    pub(crate) fn log_exception(&self, py: Python<'_>, error: PyErr) {
        let keywords = PyDict::new(py);
        if let Err(error) = keywords.set_item(intern!(py, "exc_info"), error.into_value(py)) {
            error.write_unraisable(py, None);
        }
        self.log(py, "error", ("Exception in ASGI application\n",), Some(&keywords));
    }

    fn log<'py>(
        &self,
        py: Python<'py>,
        level: &str,
        arguments: impl pyo3::call::PyCallArgs<'py>,
        keywords: Option<&Bound<'py, PyDict>>,
    ) {
        let logger = self.logger.bind(py);
        let logged = logger.getattr(level).and_then(|method| method.call(arguments, keywords));
        if let Err(error) = logged {
            error.write_unraisable(py, Some(logger));
        }
    }

    fn is_closed(&self) -> bool {
        self.listening.load(Ordering::Relaxed) == 0 && self.in_flight.load(Ordering::Relaxed) == 0
    }

    fn tell_if_closed(&self, py: Python<'_>) {
        if !self.is_closed() {
            return;
        }
        let waiters = std::mem::take(&mut *self.closing.lock().unwrap_or_else(PoisonError::into_inner));
        if !waiters.is_empty() {
            resolve_all(py, waiters);
            after_python(py);
        }
    }
}

/// An HTTP server on one event loop; see `_engine.pyi` for its Python face.
#[pyclass(frozen, module = "turboapi._engine")]
pub(crate) struct HttpServer {
    server: Arc<Server>,
    core: ThreadBound<Rc<Core>>,
    shutdown: Shutdown,
    handle: ShutdownHandle,
}

#[pymethods]
impl HttpServer {
    #[new]
    #[pyo3(signature = (
        event_loop, app, *, root_path="", state=None, server_header=true, date_header=true, headers=None,
        proxy_headers=true, forwarded_allow_ips=None, timeout_keep_alive=5.0, timeout_header=30.0,
        limit_concurrency=None, limit_connections=None, ws=true, ws_max_size=16_777_216,
        ws_ping_interval=Some(20.0), ws_ping_timeout=Some(20.0), h11_max_incomplete_event_size=None,
        access_log=true,
    ))]
    #[expect(clippy::too_many_arguments, clippy::fn_params_excessive_bools, reason = "Python keywords")]
    fn new(
        py: Python<'_>,
        event_loop: &Bound<'_, PyAny>,
        app: Py<PyAny>,
        root_path: &str,
        state: Option<Bound<'_, PyDict>>,
        server_header: bool,
        date_header: bool,
        headers: Option<&Bound<'_, PyAny>>,
        proxy_headers: bool,
        forwarded_allow_ips: Option<Vec<String>>,
        timeout_keep_alive: f64,
        timeout_header: f64,
        limit_concurrency: Option<usize>,
        limit_connections: Option<usize>,
        ws: bool,
        ws_max_size: usize,
        ws_ping_interval: Option<f64>,
        ws_ping_timeout: Option<f64>,
        h11_max_incomplete_event_size: Option<usize>,
        access_log: bool,
    ) -> PyResult<Self> {
        let options = Options {
            keep_alive: options::seconds("timeout_keep_alive", timeout_keep_alive)?,
            header_read: options::seconds("timeout_header", timeout_header)?,
            limit_concurrency,
            limit_connections,
            max_header_bytes: h11_max_incomplete_event_size,
            date_header,
            websockets: WebSocketOptions {
                enabled: ws,
                max_size: ws_max_size,
                ping_interval: options::optional_seconds("ws_ping_interval", ws_ping_interval)?,
                ping_timeout: options::optional_seconds("ws_ping_timeout", ws_ping_timeout)?,
            },
        };
        let reactor = event_loop
            .getattr(intern!(py, "_reactor"))
            .ok()
            .and_then(|reactor| reactor.cast_into::<Reactor>().ok())
            .ok_or_else(|| {
                PyValueError::new_err(
                    "HttpServer needs an event loop from turboapi.loop (new_event_loop() or run())",
                )
            })?;
        let core = reactor.get().core()?;
        let config = Arc::new(config(&options)?);
        let mut default_headers = Vec::new();
        if let Some(headers) = headers {
            for pair in headers.try_iter()? {
                default_headers.push(message::pair(&pair?)?);
            }
        }
        let proxies = forwarded_allow_ips.unwrap_or_else(|| vec!["127.0.0.1".to_owned()]);
        let server = Server {
            app,
            event_loop: event_loop.clone().unbind(),
            notices: Arc::clone(core.handle()),
            done: Py::new(py, Awaitable::new(Done))?.into_any(),
            root_path: PyString::new(py, root_path).unbind(),
            root_path_text: root_path.into(),
            root_path_bytes: root_path.as_bytes().into(),
            asgi_http: asgi_versions(py, "2.3")?,
            asgi_websocket: asgi_versions(py, "2.4")?,
            state: state.unwrap_or_else(|| PyDict::new(py)).unbind(),
            proxies: proxy_headers.then(|| TrustedProxies::new(&proxies)),
            server_header: server_header.then(|| HeaderValue::from_static("turboapi")),
            default_headers,
            reasons: Reasons::load(py)?,
            logger: py.import("logging")?.call_method1("getLogger", ("uvicorn.error",))?.unbind(),
            access: access_log.then(AccessLog::default),
            tasks: TaskFactory::load(py)?,
            context: OnceLock::new(),
            config,
            options,
            running: Mutex::new(Slab::new()),
            in_flight: AtomicUsize::new(0),
            total: AtomicUsize::new(0),
            listening: AtomicUsize::new(0),
            closing: Mutex::new(Vec::new()),
        };
        let (handle, shutdown) = Shutdown::new();
        Ok(Self { server: Arc::new(server), core: ThreadBound::new(core), shutdown, handle })
    }

    /// Takes over the listening socket `fd` and accepts on it from now on.
    fn listen(&self, py: Python<'_>, fd: RawFd) -> PyResult<()> {
        let core = self.core()?;
        if fd < 0 {
            return Err(PyValueError::new_err("fd must be the descriptor of a listening socket"));
        }
        // SAFETY: the caller hands over an open descriptor, as the method documents.
        let listener = Listener::from_fd(unsafe { OwnedFd::from_raw_fd(fd) })?;
        let server = Arc::clone(&self.server);
        let factory = server.event_loop.call_method0(py, intern!(py, "get_task_factory"))?;
        server.tasks.custom.store(!factory.is_none(py), Ordering::Relaxed);
        if server.context.get().is_none() {
            // Requests start from the context as it is when serving begins.
            let _ = server.context.set(python::current_context(py)?.unbind());
        }
        server.listening.fetch_add(1, Ordering::Relaxed);
        let listening = Listening(Arc::clone(&server));
        let shutdown = self.shutdown.clone();
        let config = Arc::clone(&server.config);
        core.spawn_task(async move {
            let make = |connection: &turbo_http::Connection| {
                AppService::new(Arc::clone(&server), connection.clone())
            };
            let served = turbo_http::serve(listener, make, config, shutdown).await;
            if let Err(error) = served {
                Python::attach(|py| server.log_exception(py, error.into()));
            }
            drop(listening);
        })?;
        Ok(())
    }

    /// Stops accepting, closes idle connections and lets the others finish; WebSockets, which end
    /// when their app likes, get a close frame with code 1012 now.
    fn drain(&self, py: Python<'_>) {
        self.handle.drain();
        self.tell(py, Exchange::is_websocket);
    }

    /// Delivers `http.disconnect` or `websocket.disconnect` to every running request.
    fn disconnect(&self, py: Python<'_>) {
        self.tell(py, |_| true);
    }

    /// Drops every connection.
    fn close(&self) {
        self.handle.close();
    }

    /// A future that is done when every connection is gone and every request has finished.
    fn closed(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let future = self.server.create_future(py)?;
        self.server.closing.lock().unwrap_or_else(PoisonError::into_inner).push(future.clone_ref(py));
        self.server.tell_if_closed(py);
        Ok(future)
    }

    /// Open connections.
    #[getter]
    fn connections(&self) -> u64 {
        self.server.config.stats().open_connections()
    }

    /// Running requests, background work included.
    #[getter]
    fn requests_in_flight(&self) -> usize {
        self.server.in_flight.load(Ordering::Relaxed)
    }

    /// Completed responses.
    #[getter]
    fn total_requests(&self) -> usize {
        self.server.total.load(Ordering::Relaxed)
    }

    /// Rows for the access log; callable from any thread, waits detached.
    fn take_access_log(
        &self,
        py: Python<'_>,
        timeout: f64,
    ) -> PyResult<Option<Vec<(String, String, String, &'static str, u16)>>> {
        let timeout = options::seconds("timeout", timeout)?;
        let Some(access) = &self.server.access else { return Ok(None) };
        let rows = py.detach(|| access.take(timeout));
        Ok(rows.map(|rows| rows.iter().map(columns).collect()))
    }

    /// No more access log rows will come: `take_access_log` hands out the rest, then `None`.
    fn close_access_log(&self) {
        if let Some(access) = &self.server.access {
            access.close();
        }
    }
}

impl HttpServer {
    /// Tells the chosen running requests that their client, or their server, is gone.
    fn tell(&self, py: Python<'_>, chosen: impl Fn(&Exchange) -> bool) {
        let running: Vec<Exchange> = {
            let running = self.server.running();
            let exchanges = running.iter().map(|(_, (_, exchange))| exchange);
            exchanges.filter(|one| chosen(one)).map(|one| one.clone_ref(py)).collect()
        };
        for exchange in running {
            exchange.disconnect(py);
        }
    }

    fn core(&self) -> PyResult<Rc<Core>> {
        self.core
            .with(Rc::clone)
            .ok_or_else(|| PyRuntimeError::new_err("an HttpServer must be used on its event loop's thread"))
    }
}

fn columns(row: &Row) -> (String, String, String, &'static str, u16) {
    let version = if row.version == http::Version::HTTP_10 { "1.0" } else { "1.1" };
    let method = row.method.as_str().to_owned();
    (row.client.to_string(), method, row.full_path(), version, row.status.as_u16())
}

fn asgi_versions(py: Python<'_>, spec_version: &str) -> PyResult<Py<PyDict>> {
    let versions = PyDict::new(py);
    versions.set_item("version", "3.0")?;
    versions.set_item("spec_version", spec_version)?;
    Ok(versions.unbind())
}

fn config(options: &Options) -> PyResult<Config> {
    let mut builder = Config::builder()
        .keep_alive_timeout(options.keep_alive)
        .header_read_timeout(options.header_read)
        .max_connections(options.limit_connections)
        .date_header(options.date_header);
    if let Some(limit) = options.max_header_bytes {
        builder = builder.max_header_bytes(limit);
    }
    builder.build().map_err(|error| PyValueError::new_err(error.to_string()))
}

/// Counts a listener for as long as it or one of its connections lives.
struct Listening(Arc<Server>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.listening.fetch_sub(1, Ordering::Relaxed);
        Python::attach(|py| self.0.tell_if_closed(py));
    }
}

/// The awaitable of something that has happened already.
struct Done;

impl Pollable for Done {
    fn poll(&self, _py: Python<'_>) -> PyResult<Step> {
        Ok(Step::Done)
    }
}
