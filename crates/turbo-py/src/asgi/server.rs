//! What the requests of one server share: the app, its settings, its tasks, its logs.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use http::{HeaderName, HeaderValue};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use slab::Slab;
use turbo_http::Config;
use turbo_middleware::Stack;
use turbo_middleware::forwarded::TrustedProxies;
use turbo_middleware::metrics::Recorder;

use super::access::{AccessLog, Row};
use super::exchange::{Exchange, ExchangeRun, Target};
use super::kept::Kept;
use super::memory::Crowd;
use super::options::Options;
use super::reason::Reasons;
use super::shedding::Shedding;
use super::spare::Spares;
use crate::attached::Count;
use crate::coroutine::Coroutine;
use crate::plan::PlanTable;
use crate::python::{self, Entered};
use crate::reactor::{Awaitable, Core, Notices, Pollable, Step, ThreadBound, after_python, resolve_all};

/// What all requests of one server share.
pub(crate) struct Server {
    pub(crate) app: Py<PyAny>,
    /// The plans of the app, if it is a FastAPI application.
    pub(crate) plans: Option<Py<PlanTable>>,
    pub(crate) event_loop: Py<PyAny>,
    pub(crate) notices: Arc<Notices>,
    pub(crate) core: ThreadBound<Rc<Core>>,
    /// The result of a `send` that need not wait.
    pub(crate) done: Py<PyAny>,
    pub(crate) root_path: Py<PyString>,
    pub(crate) root_path_text: Arc<str>,
    pub(crate) root_path_bytes: Box<[u8]>,
    pub(crate) asgi_http: Py<PyDict>,
    pub(crate) asgi_websocket: Py<PyDict>,
    pub(crate) state: Py<PyDict>,
    pub(crate) proxies: Option<TrustedProxies>,
    /// The layers in front of the app, if there are any.
    pub(crate) stack: Option<Stack>,
    /// What the metrics go to, if there are any.
    pub(crate) recorder: Option<Recorder>,
    pub(crate) product: Option<HeaderValue>,
    pub(crate) default_headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) reasons: Reasons,
    pub(crate) options: Options,
    logger: Py<PyAny>,
    pub(crate) access: Option<AccessLog>,
    tasks: TaskFactory,
    pub(crate) spares: Spares,
    context: OnceLock<Py<PyAny>>,
    pub(crate) config: Arc<Config>,
    pub(crate) crowd: Arc<Crowd>,
    running: Mutex<Slab<(Py<PyAny>, Exchange)>>,
    in_flight: Count,
    total: AtomicUsize,
    listening: AtomicUsize,
    closing: Mutex<Vec<Py<PyAny>>>,
}

/// How this interpreter starts a task.
struct TaskFactory {
    task_type: Py<PyAny>,
    /// The keyword arguments of every eager task: made for each, they were a tenth of what starting it costs.
    keywords: Py<PyDict>,
    /// `asyncio.Task(eager_start=)` came with Python 3.12.
    eager: bool,
    /// The user set a task factory: it is asked instead.
    custom: AtomicBool,
}

impl TaskFactory {
    fn load(py: Python<'_>, event_loop: &Py<PyAny>) -> PyResult<Self> {
        let keywords = PyDict::new(py);
        keywords.set_item("loop", event_loop)?;
        keywords.set_item("eager_start", true)?;
        Ok(Self {
            task_type: py.import("asyncio")?.getattr("Task")?.unbind(),
            keywords: keywords.unbind(),
            eager: py.version_info() >= (3, 12),
            custom: AtomicBool::new(false),
        })
    }

    /// A task that has run its first step, in a copy of the context that is current.
    fn eager<'py>(&self, coroutine: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = coroutine.py();
        self.task_type.bind(py).call((coroutine,), Some(self.keywords.bind(py)))
    }
}

/// What a server is made of; the rest follows from it.
pub(crate) struct Parts {
    pub(crate) app: Py<PyAny>,
    pub(crate) event_loop: Py<PyAny>,
    pub(crate) notices: Arc<Notices>,
    pub(crate) core: Rc<Core>,
    pub(crate) config: Config,
    pub(crate) options: Options,
    pub(crate) root_path: String,
    pub(crate) state: Py<PyDict>,
    pub(crate) default_headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) server_header: bool,
    pub(crate) proxies: Option<TrustedProxies>,
    pub(crate) stack: Option<Stack>,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) access_log: bool,
    pub(crate) plans: Option<Py<PlanTable>>,
}

impl Server {
    pub(crate) fn new(py: Python<'_>, parts: Parts) -> PyResult<Self> {
        Ok(Self {
            app: parts.app,
            plans: parts.plans,
            tasks: TaskFactory::load(py, &parts.event_loop)?,
            spares: Spares::load(py, &parts.event_loop)?,
            event_loop: parts.event_loop,
            notices: parts.notices,
            core: ThreadBound::new(parts.core),
            done: Py::new(py, Awaitable::new(Done))?.into_any(),
            root_path: PyString::new(py, &parts.root_path).unbind(),
            root_path_bytes: parts.root_path.as_bytes().into(),
            root_path_text: parts.root_path.into(),
            asgi_http: asgi_versions(py, "2.3")?,
            asgi_websocket: asgi_versions(py, "2.4")?,
            state: parts.state,
            proxies: parts.proxies,
            stack: parts.stack,
            recorder: parts.recorder,
            product: parts.server_header.then(|| HeaderValue::from_static("turboapi")),
            default_headers: parts.default_headers,
            reasons: Reasons::load(py)?,
            logger: py.import("logging")?.call_method1("getLogger", ("uvicorn.error",))?.unbind(),
            access: parts.access_log.then(AccessLog::default),
            context: OnceLock::new(),
            crowd: Arc::new(Crowd::new(parts.config.stats().clone())),
            config: Arc::new(parts.config),
            options: parts.options,
            running: Mutex::new(Slab::new()),
            in_flight: Count::new(),
            total: AtomicUsize::new(0),
            listening: AtomicUsize::new(0),
            closing: Mutex::new(Vec::new()),
        })
    }

    /// Readies the server for requests, which start from the context that is current now.
    pub(crate) fn begin(self: &Arc<Self>, py: Python<'_>) -> PyResult<Listening> {
        let factory = self.event_loop.call_method0(py, intern!(py, "get_task_factory"))?;
        self.tasks.custom.store(!factory.is_none(py), Ordering::Relaxed);
        // In debug mode a task knows where it was made.
        let debug = self.event_loop.call_method0(py, intern!(py, "get_debug"))?.is_truthy(py)?;
        if debug || !factory.is_none(py) {
            self.spares.turn_off();
        }
        if self.context.get().is_none() {
            let context = python::current_context(py)?.unbind();
            // Nobody else can have come first: serving begins on the loop's thread only.
            let _ = self.context.set(context);
        }
        self.listening.fetch_add(1, Ordering::Relaxed);
        Ok(Listening(Arc::clone(self)))
    }

    /// Starts the app on one exchange; it has run to its first suspension when this returns.
    pub(crate) fn run(
        self: &Arc<Self>,
        py: Python<'_>,
        exchange: Exchange,
        scope: Bound<'_, PyDict>,
        target: Target,
    ) -> PyResult<()> {
        if let Some(shedding) = &self.options.shedding {
            exchange.hold(py, shedding.admit());
        }
        let kept = Arc::new(Kept::new());
        let same = exchange.clone_ref(py);
        let run = ExchangeRun::new(py, Arc::clone(self), exchange, scope, target, Arc::clone(&kept));
        let task = self.start_task(py, Bound::new(py, Coroutine::new(run))?.as_any())?;
        kept.keep(self, task, || same);
        Ok(())
    }

    /// What requests start from: the context after start-up.
    pub(crate) fn context<'py>(&self, py: Python<'py>) -> Option<&Bound<'py, PyAny>> {
        self.context.get().map(|context| context.bind(py))
    }

    /// Runs a coroutine in a task and a context of its own, up to its first suspension.
    pub(crate) fn start_task<'py>(
        &self,
        py: Python<'py>,
        coroutine: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let context = self.context(py);
        if self.tasks.eager && !self.tasks.custom.load(Ordering::Relaxed) {
            let _entered = context.map(Entered::new).transpose()?;
            return self.tasks.eager(coroutine);
        }
        // A task factory is code of the user's: it must not run inside the context that all requests start from.
        let keywords = PyDict::new(py);
        let copied = context.map_or_else(|| python::current_context(py), python::copy_context)?;
        keywords.set_item(intern!(py, "context"), copied)?;
        self.event_loop.bind(py).call_method(intern!(py, "create_task"), (coroutine,), Some(&keywords))
    }

    pub(crate) fn create_future(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.event_loop.call_method0(py, intern!(py, "create_future"))
    }

    /// Runs `future` on the loop's runtime; without a loop there is nothing to run it for.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        if let Some(core) = self.core.with(Rc::clone) {
            // An error says that the loop is closed.
            let _ = core.spawn_task(future);
        }
    }

    pub(crate) fn request_started(&self, py: Python<'_>) {
        self.in_flight.increment(py);
    }

    pub(crate) fn request_finished(&self, py: Python<'_>) {
        self.in_flight.decrement(py);
        self.tell_if_closed(py);
    }

    pub(crate) fn response_completed(&self) {
        self.total.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether `limit_concurrency` is reached: connections or running requests, as uvicorn counts.
    pub(crate) fn is_overloaded(&self) -> bool {
        self.options.limit_concurrency.is_some_and(|limit| {
            self.config.stats().open_connections() >= limit as u64 || self.in_flight.get() >= limit
        })
    }

    /// Counts a request that is refused since others wait for the app, and tells of it now and then.
    pub(crate) fn refused(&self, shedding: &Shedding) {
        if shedding.refused() {
            let limit = shedding.gate().limit();
            let text =
                format!("Refusing requests with 503: {limit} others wait for the app (limit_in_flight).");
            Python::attach(|py| self.log_warning(py, &text));
        }
    }

    fn running(&self) -> MutexGuard<'_, Slab<(Py<PyAny>, Exchange)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the chosen running requests that their client, or their server, is gone.
    pub(crate) fn tell(&self, py: Python<'_>, chosen: impl Fn(&Exchange) -> bool) {
        let running: Vec<Exchange> = {
            let running = self.running();
            let exchanges = running.iter().map(|(_, (_, exchange))| exchange);
            exchanges.filter(|one| chosen(one)).map(|one| one.clone_ref(py)).collect()
        };
        for exchange in running {
            exchange.disconnect(py);
        }
    }

    /// Cancels every running request, as uvicorn does when the time for a graceful stop is over.
    pub(crate) fn cancel_all(&self, py: Python<'_>) {
        let tasks: Vec<Py<PyAny>> = self.running().iter().map(|(_, (task, _))| task.clone_ref(py)).collect();
        let message = "Task cancelled, timeout graceful shutdown exceeded";
        for task in tasks {
            if let Err(error) = task.call_method1(py, intern!(py, "cancel"), (message,)) {
                error.write_unraisable(py, Some(task.bind(py)));
            }
        }
        after_python(py);
    }

    /// Closes the coroutines of requests whose loop was closed: nobody will run them again, and
    /// the garbage collector cannot see that they and the server hold each other.
    fn abandon_all(&self, py: Python<'_>) {
        let running = std::mem::take(&mut *self.running());
        for (_, (task, exchange)) in running {
            exchange.disconnect(py);
            let closed = task
                .call_method0(py, intern!(py, "get_coro"))
                .and_then(|coroutine| coroutine.call_method0(py, intern!(py, "close")));
            if let Err(error) = closed {
                error.write_unraisable(py, Some(task.bind(py)));
            }
        }
    }

    pub(crate) fn register(&self, task: Py<PyAny>, exchange: Exchange) -> usize {
        self.running().insert((task, exchange))
    }

    pub(crate) fn replace(&self, slot: usize, exchange: Exchange) {
        let before = self.running().get_mut(slot).map(|(_, current)| std::mem::replace(current, exchange));
        drop(before);
    }

    pub(crate) fn unregister(&self, slot: usize) {
        let entry = self.running().try_remove(slot);
        drop(entry);
    }

    /// The access log, unless the engine's layers stand between the app and its lines.
    pub(crate) fn access_of_app(&self) -> Option<&AccessLog> {
        self.access.as_ref().filter(|_| self.stack.is_none())
    }

    pub(crate) fn log_access(&self, row: impl FnOnce() -> Row) {
        if let Some(access) = self.access_of_app() {
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
        let outcome = logger.getattr(level).and_then(|method| method.call(arguments, keywords));
        if let Err(error) = outcome {
            error.write_unraisable(py, Some(logger));
        }
    }

    fn is_closed(&self) -> bool {
        self.listening.load(Ordering::Relaxed) == 0 && self.in_flight.get() == 0
    }

    /// A future that is done when every connection is gone and every request has finished.
    pub(crate) fn closed(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let future = self.create_future(py)?;
        let mut closing = self.closing.lock().unwrap_or_else(PoisonError::into_inner);
        closing.push(future.clone_ref(py));
        drop(closing);
        self.tell_if_closed(py);
        Ok(future)
    }

    /// Running requests, background work included.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.get()
    }

    /// Completed responses.
    pub(crate) fn total(&self) -> usize {
        self.total.load(Ordering::Relaxed)
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

/// Counts a listener for as long as it or one of its connections lives.
pub(crate) struct Listening(Arc<Server>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.listening.fetch_sub(1, Ordering::Relaxed);
        Python::attach(|py| self.0.tell_if_closed(py));
    }
}

/// Sees the end of the loop's runtime; a task of that runtime has to own it.
pub(crate) struct LoopEnd(Weak<Server>);

impl LoopEnd {
    pub(crate) fn new(server: &Arc<Server>) -> Self {
        Self(Arc::downgrade(server))
    }
}

impl Drop for LoopEnd {
    fn drop(&mut self) {
        if let Some(server) = self.0.upgrade() {
            Python::attach(|py| server.abandon_all(py));
        }
    }
}

/// The awaitable of something that has happened already.
struct Done;

impl Pollable for Done {
    fn poll(&self, _py: Python<'_>) -> PyResult<Step> {
        Ok(Step::Done)
    }
}

fn asgi_versions(py: Python<'_>, spec_version: &str) -> PyResult<Py<PyDict>> {
    let versions = PyDict::new(py);
    versions.set_item("version", "3.0")?;
    versions.set_item("spec_version", spec_version)?;
    Ok(versions.unbind())
}
