//! The router as Python sees it, so that `tests/` can compare it with Starlette's own.

use http::Method;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use turbo_router::{Methods, Outcome};

/// `turbo_router::Router` over the numbers of the routes.
#[pyclass(frozen, module = "turboapi._engine")]
pub(crate) struct Router(turbo_router::Router<usize>);

#[pymethods]
impl Router {
    /// Takes methods and template of each route; no methods are all methods.
    #[new]
    fn new(routes: Vec<(Option<Vec<String>>, String)>) -> PyResult<Self> {
        let mut inner = turbo_router::Router::new();
        for (number, (names, template)) in routes.into_iter().enumerate() {
            let methods = names.unwrap_or_default();
            let methods: Vec<_> = methods.iter().map(|name| method(name)).collect::<PyResult<_>>()?;
            let inserted = inner.insert(Methods::only(methods), &template, number);
            inserted.map_err(|error| PyValueError::new_err(error.to_string()))?;
        }
        Ok(Self(inner))
    }

    /// Whether the match is full or partial, the number of the route, and the text of its parameters.
    fn at<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        path: &str,
    ) -> PyResult<Option<(&'static str, usize, Bound<'py, PyDict>)>> {
        let (kind, found) = match self.0.at(&self::method(method)?, path) {
            Outcome::Full(found) => ("full", found),
            Outcome::Partial(found) => ("partial", found),
            Outcome::None => return Ok(None),
        };
        let params = PyDict::new(py);
        for (name, _, value) in found.params.iter() {
            params.set_item(name, value)?;
        }
        Ok(Some((kind, *found.value, params)))
    }
}

fn method(name: &str) -> PyResult<Method> {
    Method::from_bytes(name.as_bytes()).map_err(|error| PyValueError::new_err(error.to_string()))
}
