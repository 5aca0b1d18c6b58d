//! One compiled route.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use turbo_middleware::metrics::Route as Label;
use turbo_router::Convertor;

use super::encode::{Encoded, Encoder, Place};
use super::program::{Program, Progress, Run};
use super::watch::Watches;
use crate::attached::Count;

/// How a route is run.
pub(crate) enum Tier {
    /// Native code drives the calls.
    Native(Box<Native>),
    /// An ASGI callable of `turboapi.plans.python_plan` does.
    Python(Py<PyAny>),
}

/// The three phases of a native plan.
pub(crate) struct Native {
    pub(crate) program: Program,
    pub(crate) encoder: Py<Encoder>,
}

impl Native {
    pub(crate) fn takes_body(&self) -> bool {
        self.program.extractor.as_ref().is_some_and(|extractor| extractor.get().takes_body())
    }

    /// P2 inside a task, from where it is.
    pub(crate) fn advance<'py>(
        &self,
        py: Python<'py>,
        run: &mut Run,
        place: Place<'_>,
        in_thread: &Py<PyAny>,
    ) -> Progress<'py> {
        let progress = run.advance(py, &self.program, None, in_thread, place);
        let Progress::Returned(value) = &progress else { return progress };
        match self.encoder.get().wants_thread(value) {
            Ok(true) if !run.validated => {
                run.validate_in_thread(self.encoder.bind(py), value, place, in_thread)
            }
            Ok(_) => progress,
            Err(error) => Progress::Raised(error),
        }
    }

    /// P3 for what a run returned.
    pub(crate) fn encode(
        &self,
        py: Python<'_>,
        run: &Run,
        value: &Bound<'_, PyAny>,
        response: Option<&Bound<'_, PyAny>>,
        place: Place<'_>,
    ) -> PyResult<Encoded> {
        let encoder = self.encoder.get();
        if run.validated {
            encoder.encode_validated(value, response)
        } else {
            encoder.encode(py, value, response, place)
        }
    }
}

/// A route that has a plan.
pub(crate) struct Route {
    pub(crate) tier: Tier,
    pub(crate) watches: Watches,
    /// What FastAPI puts into the scope of a request that it routes here.
    declared: Py<PyAny>,
    endpoint: Py<PyAny>,
    effective_context: Option<Py<PyAny>>,
    /// Starlette's convertors by parameter name.
    convertors: Py<PyDict>,
    /// Its name in the metrics.
    pub(crate) label: Label,
    served: Count,
    pub(crate) at_once: Guess,
}

/// Whether the calls of a route are expected to end without suspending.
#[derive(Default)]
pub(crate) struct Guess(AtomicU8);

impl Guess {
    /// Whether the next ones are.
    pub(crate) fn is_likely(&self) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        if left > 0 {
            // A thread that comes between only shortens or lengthens the wait.
            self.0.store(left - 1, Ordering::Relaxed);
        }
        left == 0
    }

    /// They were not; so many of the next are believed to be like them.
    pub(crate) fn was_wrong(&self, next: u8) {
        self.0.store(next, Ordering::Relaxed);
    }
}

impl Route {
    /// From a `turboapi.plans.compiler.CompiledRoute` and its path.
    pub(crate) fn new(compiled: &Bound<'_, PyAny>, label: Label) -> PyResult<Arc<Self>> {
        let py = compiled.py();
        let native: Option<Bound<'_, PyAny>> = compiled.getattr(intern!(py, "native"))?.extract()?;
        let tier = match native {
            Some(plan) => Tier::Native(Box::new(Native {
                program: Program::new(&plan)?,
                encoder: plan.getattr(intern!(py, "encoder"))?.extract()?,
            })),
            None => Tier::Python(compiled.getattr(intern!(py, "python"))?.unbind()),
        };
        Ok(Arc::new(Self {
            tier,
            watches: Watches::new(&compiled.getattr(intern!(py, "watches"))?)?,
            declared: compiled.getattr(intern!(py, "route"))?.unbind(),
            endpoint: compiled.getattr(intern!(py, "endpoint"))?.unbind(),
            effective_context: compiled.getattr(intern!(py, "effective_context"))?.extract()?,
            convertors: compiled.getattr(intern!(py, "convertors"))?.extract()?,
            label,
            served: Count::new(),
            at_once: Guess::default(),
        }))
    }

    /// Shows the garbage collector what this holds.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.tier {
            Tier::Native(native) => {
                native.program.traverse(visit)?;
                visit.call(&native.encoder)?;
            }
            Tier::Python(plan) => visit.call(plan)?,
        }
        self.watches.traverse(visit)?;
        visit.call(&self.declared)?;
        visit.call(&self.endpoint)?;
        visit.call(&self.effective_context)?;
        visit.call(&self.convertors)
    }

    /// Whether the plan needs no scope: it can answer what hyper has read.
    pub(crate) fn direct(&self) -> Option<&Native> {
        match &self.tier {
            Tier::Native(native) if !native.program.takes_request && !native.program.takes_background => {
                Some(native)
            }
            _ => None,
        }
    }

    pub(crate) fn is_native(&self) -> bool {
        matches!(self.tier, Tier::Native(_))
    }

    pub(crate) fn count(&self, py: Python<'_>) {
        self.served.increment(py);
    }

    pub(crate) fn served(&self) -> u64 {
        self.served.get() as u64
    }

    /// What FastAPI's router leaves in the scope of a matched request (`APIRouter.app`, `APIRoute.matches`).
    pub(crate) fn mark<'a>(
        &self,
        scope: &Bound<'_, PyDict>,
        router: &Py<PyAny>,
        params: impl Iterator<Item = (&'a str, Convertor, &'a str)>,
    ) -> PyResult<()> {
        let py = scope.py();
        if !scope.contains(intern!(py, "router"))? {
            scope.set_item(intern!(py, "router"), router)?;
        }
        scope.set_item(intern!(py, "endpoint"), self.endpoint(py)?)?;
        let path_params = match scope.get_item(intern!(py, "path_params"))? {
            Some(outer) => outer.cast::<PyDict>()?.copy()?,
            None => PyDict::new(py),
        };
        for (name, convertor, text) in params {
            path_params.set_item(name, self.converted(py, name, convertor, text)?)?;
        }
        scope.set_item(intern!(py, "path_params"), path_params)?;
        scope.set_item(intern!(py, "route"), &self.declared)?;
        if let Some(context) = &self.effective_context {
            let own = if let Some(own) = scope.get_item(intern!(py, "fastapi"))? {
                own.cast_into::<PyDict>()?
            } else {
                let own = PyDict::new(py);
                scope.set_item(intern!(py, "fastapi"), &own)?;
                own
            };
            own.set_item(intern!(py, "effective_route_context"), context)?;
        }
        Ok(())
    }

    /// What FastAPI says the endpoint is: the route's present attribute, which need not be what is called.
    fn endpoint<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if self.effective_context.is_some() {
            return Ok(self.endpoint.bind(py).clone());
        }
        self.declared.bind(py).getattr(intern!(py, "endpoint"))
    }

    fn converted<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        convertor: Convertor,
        text: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        if matches!(convertor, Convertor::Str | Convertor::Path) {
            return Ok(PyString::new(py, text).into_any());
        }
        self.convertors.bind(py).as_any().get_item(name)?.call_method1(intern!(py, "convert"), (text,))
    }
}
