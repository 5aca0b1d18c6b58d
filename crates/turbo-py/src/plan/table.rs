//! The plans of one application, and the ASGI callable that stands in its router's place.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arc_swap::{ArcSwapOption, Guard};
use http::Method;
use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use smallvec::SmallVec;
use turbo_middleware::metrics::Route as Label;
use turbo_router::{Convertor, Methods, Outcome, Params, Router};

use super::asgi::{AsgiRun, Sending};
use super::child::Child;
use super::route::Route;
use super::stack::{Helpers, Stack, marker};
use super::watch::Watches;
use crate::asgi::label;
use crate::coroutine::Coroutine;

/// The plans of one application.
///
/// It is an ASGI callable: `turboapi.plans` puts it in the place of the application's router, behind all
/// middleware. The engine asks it directly when there is no middleware of the user's.
#[pyclass(frozen, module = "turboapi._engine")]
pub(crate) struct PlanTable {
    plans: ArcSwapOption<Plans>,
    /// While they hold there is no use in compiling.
    off: ArcSwapOption<Watches>,
    /// Compiles anew and calls `set`.
    refresh: Py<PyAny>,
    helpers: Arc<Helpers>,
    /// The router whose place the table takes.
    router: Mutex<Py<PyAny>>,
    counts: Arc<Counts>,
}

/// HTTP requests that reached the router's place, by who answered them.
#[derive(Default)]
pub(crate) struct Counts {
    /// By native plans that have been replaced since.
    native: AtomicU64,
    /// By python plans that have been replaced since.
    python: AtomicU64,
    /// FastAPI, since the plan of the route refused the request.
    pub(crate) refused: AtomicU64,
    /// FastAPI, since no plan is for such a request.
    unplanned: AtomicU64,
    /// Lifted middleware, before any route was looked for.
    pub(crate) middleware: AtomicU64,
    /// FastAPI, since there are no plans.
    off: AtomicU64,
}

/// Everything that was compiled together.
pub(crate) struct Plans {
    router: Router<usize>,
    entries: Box<[Entry]>,
    watches: Watches,
    pub(crate) stack: Stack,
    pub(crate) counts: Arc<Counts>,
}

/// A route of the application; compiled when the first request comes.
enum Entry {
    /// FastAPI's own business.
    Asgi,
    Plan {
        compile: Py<PyAny>,
        label: Label,
        route: OnceLock<Option<Arc<Route>>>,
    },
}

impl Entry {
    /// The route, if it was compiled and has a plan.
    fn route(&self) -> Option<&Arc<Route>> {
        match self {
            Self::Plan { route, .. } => route.get().and_then(Option::as_ref),
            Self::Asgi => None,
        }
    }
}

/// A route for a request.
pub(crate) struct Found<'a> {
    pub(crate) route: &'a Arc<Route>,
    pub(crate) params: Params<'a, 'a>,
}

impl<'a> Found<'a> {
    /// Convertor and text of each parameter of the path.
    pub(crate) fn texts(&self) -> SmallVec<[(Convertor, &'a str); 4]> {
        self.params.iter().map(|(_, convertor, text)| (convertor, text)).collect()
    }
}

impl Plans {
    /// Shows the garbage collector what this holds.
    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.stack.traverse(visit)?;
        self.watches.traverse(visit)?;
        for entry in &self.entries {
            if let Entry::Plan { compile, .. } = entry {
                visit.call(compile)?;
            }
            if let Some(route) = entry.route() {
                route.traverse(visit)?;
            }
        }
        Ok(())
    }

    /// Whether the application is still what was compiled.
    pub(crate) fn hold(&self, py: Python<'_>) -> bool {
        self.watches.hold(py)
    }

    /// The plan that serves a method and a decoded path without the root path, if one does.
    pub(crate) fn find<'a>(&'a self, py: Python<'_>, method: &Method, path: &'a str) -> Option<Found<'a>> {
        let Outcome::Full(found) = self.router.at(method, path) else { return None };
        let Entry::Plan { compile, label, route } = &self.entries[*found.value] else { return None };
        let route = if let Some(route) = route.get() {
            route
        } else {
            // Not inside the cell's own initialisation, where another thread would wait without letting go of
            // the interpreter.
            let compiled = compiled(compile.bind(py), label);
            route.get_or_init(|| compiled)
        };
        let route = route.as_ref()?;
        route.watches.hold(py).then_some(Found { route, params: found.params })
    }

    /// The path that routes are matched against, as `starlette._utils.get_route_path` cuts it, from a full
    /// path and the server's root path.
    pub(crate) fn route_path<'p>(&self, path: &'p str, root_path: &str) -> &'p str {
        let own = self.stack.root_path();
        let root_path = if own.is_empty() { root_path } else { own };
        match path.strip_prefix(root_path) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
            _ => path,
        }
    }
}

/// A plan that cannot be made leaves its route to FastAPI; the error is shown, since none is expected.
fn compiled(compile: &Bound<'_, PyAny>, label: &Label) -> Option<Arc<Route>> {
    let route = compile
        .call0()
        .and_then(|route| (!route.is_none()).then(|| Route::new(&route, label.clone())).transpose());
    route.unwrap_or_else(|error| {
        error.write_unraisable(compile.py(), Some(compile));
        None
    })
}

/// The decoded path of a request target, unless it has what Starlette's regular expressions treat in a
/// way of their own, or what only Python's `unquote` knows how to decode.
pub(crate) fn decoded(raw: &str) -> Option<Cow<'_, str>> {
    let path = if raw.contains('%') {
        percent_encoding::percent_decode_str(raw).decode_utf8().ok()?
    } else {
        Cow::Borrowed(raw)
    };
    is_plain(&path).then_some(path)
}

/// Starlette's `int` convertor fails with more digits than `sys.get_int_max_str_digits` allows, at least 640.
const LONGEST_PATH: usize = 640;

fn is_plain(path: &str) -> bool {
    path.len() <= LONGEST_PATH && path.bytes().all(|byte| byte >= b' ')
}

impl PlanTable {
    /// What is compiled now, made anew first if the application has changed; `None` if that failed.
    pub(crate) fn current(&self, py: Python<'_>) -> Option<Guard<Option<Arc<Plans>>>> {
        let holds = |plans: &Option<Arc<Plans>>| plans.as_ref().is_some_and(|plans| plans.hold(py));
        let plans = self.plans.load();
        if holds(&plans) {
            return Some(plans);
        }
        drop(plans);
        if self.off.load().as_ref().is_some_and(|watches| watches.hold(py)) {
            return None;
        }
        if let Err(error) = self.refresh.call0(py) {
            error.write_unraisable(py, Some(self.refresh.bind(py)));
            return None;
        }
        Some(self.plans.load()).filter(|plans| holds(plans))
    }

    /// What the engine may call for an HTTP request in place of the application.
    pub(crate) fn front(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.current(py)?.as_ref()?.stack.front(py)
    }

    /// Replaces what is compiled; what its plans have served stays counted.
    fn replace(&self, plans: Option<Arc<Plans>>) {
        let Some(before) = self.plans.swap(plans) else { return };
        for route in before.entries.iter().filter_map(Entry::route) {
            let counter = if route.is_native() { &self.counts.native } else { &self.counts.python };
            counter.fetch_add(route.served(), Ordering::Relaxed);
        }
    }

    fn router<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.router.lock().unwrap_or_else(PoisonError::into_inner).bind(py).clone()
    }
}

/// Methods (`None` for all), path template and compiler of a route.
type RouteSpec = (Option<Vec<String>>, String, Option<Py<PyAny>>);

#[pymethods]
impl PlanTable {
    #[new]
    fn new(refresh: Py<PyAny>, router: Py<PyAny>, runtime: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self {
            plans: ArcSwapOption::empty(),
            off: ArcSwapOption::empty(),
            refresh,
            helpers: Arc::new(Helpers::new(runtime)?),
            router: Mutex::new(router),
            counts: Arc::default(),
        })
    }

    /// Takes what was compiled; see `_engine.pyi`.
    fn set(
        &self,
        declared: Vec<RouteSpec>,
        watches: &Bound<'_, PyAny>,
        app: &Bound<'_, PyAny>,
        app_router: Py<PyAny>,
        stack: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let py = app.py();
        let mut router = Router::new();
        let mut entries = Vec::with_capacity(declared.len());
        for (methods, template, compile) in declared {
            let methods = match methods {
                None => Methods::any(),
                Some(names) => {
                    let parsed = names.iter().map(|name| Method::from_bytes(name.as_bytes()));
                    Methods::only(
                        parsed
                            .collect::<Result<Vec<_>, _>>()
                            .map_err(|error| PyValueError::new_err(format!("{names:?}: {error}")))?,
                    )
                }
            };
            let number = entries.len();
            let matchable = router.insert(methods, &template, number).is_ok();
            if !matchable {
                // What cannot be matched here may match anything: it and those behind it are FastAPI's.
                router
                    .insert(Methods::any(), "/{path:path}", number)
                    .map_err(|error| PyValueError::new_err(error.to_string()))?;
            }
            entries.push(match compile {
                Some(compile) if matchable => {
                    Entry::Plan { compile, label: label::of_template(&template), route: OnceLock::new() }
                }
                _ => Entry::Asgi,
            });
        }
        *self.router.lock().unwrap_or_else(PoisonError::into_inner) = app_router.clone_ref(py);
        let plans = Plans {
            router,
            entries: entries.into(),
            watches: Watches::new(watches)?,
            stack: Stack::new(app, app_router, stack, Arc::clone(&self.helpers))?,
            counts: Arc::clone(&self.counts),
        };
        self.off.store(None);
        self.replace(Some(Arc::new(plans)));
        Ok(())
    }

    /// The application refers to its plans, and they to it.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.refresh)?;
        if let Ok(router) = self.router.try_lock() {
            visit.call(&*router)?;
        }
        if let Some(watches) = &*self.off.load() {
            watches.traverse(&visit)?;
        }
        self.plans.load().as_ref().map_or(Ok(()), |plans| plans.traverse(&visit))
    }

    fn __clear__(&self) {
        self.off.store(None);
        self.plans.store(None);
    }

    /// Leaves everything to FastAPI; compiles anew once something of `watches` has changed.
    fn clear(&self, watches: &Bound<'_, PyAny>) -> PyResult<()> {
        self.off.store(Some(Arc::new(Watches::new(watches)?)));
        self.replace(None);
        Ok(())
    }

    /// Compiles anew if the application has changed; whether there are plans now.
    fn ensure(&self, py: Python<'_>) -> bool {
        self.current(py).is_some()
    }

    /// Requests served by the present plan of each route, in the order of `set`.
    fn served(&self) -> Vec<u64> {
        let served = |entry: &Entry| entry.route().map_or(0, |route| route.served());
        self.plans.load().as_ref().map_or_else(Vec::new, |plans| plans.entries.iter().map(served).collect())
    }

    /// HTTP requests since the table was made, by who served them; see `_engine.pyi`.
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (mut native, mut python) =
            (self.counts.native.load(Ordering::Relaxed), self.counts.python.load(Ordering::Relaxed));
        if let Some(plans) = &*self.plans.load() {
            for route in plans.entries.iter().filter_map(Entry::route) {
                *(if route.is_native() { &mut native } else { &mut python }) += route.served();
            }
        }
        let counts = PyDict::new(py);
        counts.set_item("native", native)?;
        counts.set_item("python", python)?;
        for (name, counter) in [
            ("refused", &self.counts.refused),
            ("unplanned", &self.counts.unplanned),
            ("off", &self.counts.off),
            ("middleware", &self.counts.middleware),
        ] {
            counts.set_item(name, counter.load(Ordering::Relaxed))?;
        }
        Ok(counts)
    }

    /// The coroutine that answers one request of a dispatch function, if a plan does; see `_engine.pyi`.
    fn answering<'py>(
        &self,
        scope: &Bound<'py, PyDict>,
        receive: &Bound<'py, PyAny>,
        send: &Bound<'py, PyAny>,
        entry: Py<PyAny>,
        exchange: Py<PyAny>,
    ) -> PyResult<Option<Coroutine>> {
        let py = scope.py();
        let marked = scope.contains(marker::RAISE)? || scope.contains(marker::FALLBACK)?;
        let current = self.current(py);
        let Some(plans) = current.as_deref().and_then(Option::as_ref).filter(|_| !marked) else {
            return Ok(None);
        };
        let run = AsgiRun::begin(py, plans, scope, receive, send)?;
        run.map(|run| Child::new(py, run, entry, exchange).map(Coroutine::new)).transpose()
    }

    /// Answers one request behind the middleware: the awaitable that an ASGI callable returns.
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        scope: Bound<'py, PyDict>,
        receive: Bound<'py, PyAny>,
        send: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let table = slf.get();
        // First of all: what has run must not run again, whatever became of the plans.
        if let Some(raised) = pop(&scope, marker::RAISE)? {
            let (error, started, handled): (Bound<'py, PyAny>, bool, bool) = raised.extract()?;
            let arguments = (error, started, handled, scope, receive, send);
            return table.helpers.raise_in_route.bind(py).call1(arguments);
        }
        if let Some(sending) = pop(&scope, marker::SEND)? {
            let run = AsgiRun::sending(sending.cast::<Sending>()?.get(), &scope, &receive, &send);
            return Ok(Bound::new(py, Coroutine::new(run?))?.into_any());
        }
        if pop(&scope, marker::FALLBACK)?.is_some() {
            count(&table.counts.refused, &scope);
            return table.router(py).call1((scope, receive, send));
        }
        let current = table.current(py);
        let Some(plans) = current.as_deref().and_then(Option::as_ref) else {
            count(&table.counts.off, &scope);
            return table.router(py).call1((scope, receive, send));
        };
        if let Some(run) = AsgiRun::begin(py, plans, &scope, &receive, &send)? {
            return Ok(Bound::new(py, Coroutine::new(run))?.into_any());
        }
        count(&table.counts.unplanned, &scope);
        plans.stack.router.bind(py).call1((scope, receive, send))
    }
}

fn count(counter: &AtomicU64, scope: &Bound<'_, PyDict>) {
    let kind = scope.get_item(intern!(scope.py(), "type")).ok().flatten();
    if kind.is_some_and(|kind| kind.eq(intern!(scope.py(), "http")).unwrap_or(false)) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

fn pop<'py>(scope: &Bound<'py, PyDict>, key: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    let value = scope.get_item(key)?;
    if value.is_some() {
        scope.del_item(key)?;
    }
    Ok(value)
}

/// The method and path that a scope asks for, unless only FastAPI can tell.
pub(crate) fn asked(scope: &Bound<'_, PyDict>) -> Option<(Method, Py<PyString>)> {
    let py = scope.py();
    let kind = scope.get_item(intern!(py, "type")).ok()??;
    if kind.cast::<PyString>().ok()?.to_str().ok()? != "http" {
        return None;
    }
    let method = scope.get_item(intern!(py, "method")).ok()??;
    let method = Method::from_bytes(method.cast::<PyString>().ok()?.to_str().ok()?.as_bytes()).ok()?;
    let path = scope.get_item(intern!(py, "path")).ok()??.cast_into::<PyString>().ok()?;
    is_plain(path.to_str().ok()?).then(|| (method, path.unbind()))
}
