//! The application around the routes: the middleware that a request passes if it has to.

use std::sync::Arc;

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::asgi::Sending;
use super::lift::Lifted;

/// What scope keys of ours say to the table; they never reach code of the user.
pub(super) mod marker {
    /// The request was tried and is FastAPI's own to answer.
    pub(in crate::plan) const FALLBACK: &str = "turboapi.fallback";
    /// `(exception, whether the response has started)`: to be raised where the route would have.
    pub(in crate::plan) const RAISE: &str = "turboapi.raise";
    /// What a plan made of the request, for it to be sent where the route would have.
    pub(in crate::plan) const SEND: &str = "turboapi.send";
}

/// The application around the routes.
pub(crate) struct Stack {
    app: Py<PyAny>,
    /// The outermost middleware, as it was when the plans were compiled: what a run begins behind it must end
    /// behind it, whatever the application puts in its place meanwhile.
    pub(crate) outermost: Py<PyAny>,
    /// The router whose place the table takes.
    pub(crate) router: Py<PyAny>,
    /// `app.root_path`, which takes the place of the server's.
    root_path: String,
    /// There is no middleware of the user's but what is lifted: requests need not pass through the stack.
    pub(crate) direct: bool,
    /// The outermost middleware of the user's, as far as the engine runs it.
    pub(crate) lifted: Lifted,
    /// An `HTTPException` is answered by FastAPI's own handler.
    pub(crate) stock_http_exception: bool,
    /// What answers an HTTP request as the application does, without the outermost middleware.
    front: Option<Py<PyAny>>,
    /// `(exception handlers, status handlers)` for the scope, as `ExceptionMiddleware` puts them there.
    exception_handlers: Py<PyAny>,
    pub(crate) helpers: Arc<Helpers>,
}

impl Stack {
    /// From the application, its router, and a `turboapi.plans.stacks.MiddlewareStack`.
    pub(super) fn new(
        app: &Bound<'_, PyAny>,
        router: Py<PyAny>,
        stack: &Bound<'_, PyAny>,
        helpers: Arc<Helpers>,
    ) -> PyResult<Self> {
        Ok(Self {
            app: app.clone().unbind(),
            outermost: stack.getattr("outermost")?.unbind(),
            router,
            root_path: app.getattr("root_path")?.extract()?,
            direct: stack.getattr("direct")?.extract()?,
            lifted: Lifted::new(stack)?,
            stock_http_exception: stack.getattr("stock_http_exception")?.extract()?,
            front: stack.getattr("front")?.extract()?,
            exception_handlers: stack.getattr("exception_handlers")?.unbind(),
            helpers,
        })
    }

    /// Shows the garbage collector what this holds.
    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        for object in [&self.app, &self.outermost, &self.router, &self.exception_handlers] {
            visit.call(object)?;
        }
        visit.call(&self.front)?;
        self.lifted.traverse(visit)
    }

    /// `app.root_path`; empty for the server's.
    pub(super) fn root_path(&self) -> &str {
        &self.root_path
    }

    /// What the engine may call for an HTTP request in place of the application.
    pub(super) fn front(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.front.as_ref().map(|front| front.clone_ref(py))
    }

    /// Calls the middleware, for FastAPI to answer although there is a plan.
    pub(crate) fn fall_back<'py>(
        &self,
        scope: &Bound<'py, PyDict>,
        receive: &Bound<'py, PyAny>,
        send: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.prepare(scope)?;
        Self::refuse(self.outermost.bind(scope.py()), scope, receive, send)
    }

    /// Calls `entry`, some middleware of the stack, for FastAPI to answer although there is a plan.
    pub(crate) fn refuse<'py>(
        entry: &Bound<'py, PyAny>,
        scope: &Bound<'py, PyDict>,
        receive: &Bound<'py, PyAny>,
        send: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        scope.set_item(marker::FALLBACK, true)?;
        entry.call1((scope, receive, send))
    }

    /// Calls `entry`, some middleware of the stack, for it to see what a route raised: the exception, whether the
    /// response had started, and whether the handlers at the route have had it; see [`Self::raise_in_route`].
    pub(crate) fn raise<'py>(
        &self,
        entry: &Bound<'py, PyAny>,
        raised: (Bound<'py, PyAny>, bool, bool),
        scope: &Bound<'py, PyDict>,
        receive: &Bound<'py, PyAny>,
        send: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = scope.py();
        let send = if raised.1 { self.helpers.send_nowhere.bind(py) } else { send };
        scope.set_item(marker::RAISE, raised)?;
        entry.call1((scope, receive, send))
    }

    /// Calls the middleware, for it to see what is sent.
    pub(crate) fn send<'py>(
        &self,
        sending: Sending,
        scope: &Bound<'py, PyDict>,
        receive: &Bound<'py, PyAny>,
        send: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = scope.py();
        scope.set_item(marker::SEND, Bound::new(py, sending)?)?;
        self.outermost.bind(py).call1((scope, receive, send))
    }

    /// Raises `error` within the handlers that `request_response` calls at the route; what they raise, or do not
    /// handle, is for those of `ExceptionMiddleware`.
    pub(crate) fn raise_in_route<'py>(
        &self,
        error: &Bound<'py, PyAny>,
        started: bool,
        scope: &Bound<'py, PyDict>,
        receive: &Bound<'py, PyAny>,
        send: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = scope.py();
        let send = if started { self.helpers.send_nowhere.bind(py) } else { send };
        self.helpers.raise_in_route.bind(py).call1((error, started, false, scope, receive, send))
    }

    /// Puts into a scope what the middleware in front of the router would have put there.
    pub(crate) fn prepare(&self, scope: &Bound<'_, PyDict>) -> PyResult<()> {
        let py = scope.py();
        scope.set_item(intern!(py, "app"), &self.app)?;
        if !self.root_path.is_empty() {
            scope.set_item(intern!(py, "root_path"), &self.root_path)?;
        }
        self.prepare_handlers(scope)
    }

    /// Puts into a scope what `ExceptionMiddleware` would have put there.
    pub(crate) fn prepare_handlers(&self, scope: &Bound<'_, PyDict>) -> PyResult<()> {
        scope.set_item(intern!(scope.py(), "starlette.exception_handlers"), &self.exception_handlers)
    }
}

/// Python functions of `turboapi.plans.runtime`.
pub(crate) struct Helpers {
    /// Starlette's `run_in_threadpool`.
    pub(crate) run_in_threadpool: Py<PyAny>,
    /// Makes the `Response` that dependencies may fill in.
    pub(crate) make_response: Py<PyAny>,
    /// The class.
    pub(crate) background_tasks: Py<PyAny>,
    pub(crate) make_request: Py<PyAny>,
    /// Raises an exception where the route would have: `(exception, started, scope, receive, send)`.
    pub(crate) raise_in_route: Py<PyAny>,
    /// Sets the background tasks of a returned `Response` that has none.
    pub(crate) adopt_background: Py<PyAny>,
    /// Waits for one turn of the event loop, in which what was sent is written.
    pub(crate) turn: Py<PyAny>,
    /// A `send` that drops everything.
    pub(crate) send_nowhere: Py<PyAny>,
}

impl Helpers {
    pub(super) fn new(module: &Bound<'_, PyAny>) -> PyResult<Self> {
        let get = |name: &str| module.getattr(name).map(Bound::unbind);
        Ok(Self {
            run_in_threadpool: get("run_in_threadpool")?,
            make_response: get("make_response")?,
            background_tasks: get("BackgroundTasks")?,
            make_request: get("make_request")?,
            raise_in_route: get("raise_in_route")?,
            adopt_background: get("adopt_background")?,
            turn: get("turn")?,
            send_nowhere: get("send_nowhere")?,
        })
    }
}
