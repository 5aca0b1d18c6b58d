//! The route of a request, as the label of its metrics.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use turbo_middleware::metrics::Route;

/// The template of the route that FastAPI's router left in the scope; `None` if it left none, as for what no
/// route serves and for apps of other frameworks.
///
/// Included routers are part of it (`effective_route_context`); the path of a mount is not, since it may have
/// parameters whose values are gone.
pub(crate) fn of_scope(scope: &Bound<'_, PyDict>) -> Option<Route> {
    let py = scope.py();
    let effective = scope
        .get_item(intern!(py, "fastapi"))
        .ok()
        .flatten()
        .and_then(|own| own.cast_into::<PyDict>().ok())
        .and_then(|own| own.get_item(intern!(py, "effective_route_context")).ok().flatten())
        .filter(|context| !context.is_none());
    let route = effective.or_else(|| scope.get_item(intern!(py, "route")).ok().flatten())?;
    let template = route.getattr(intern!(py, "path_format")).ok()?;
    Some(Route(template.cast::<PyString>().ok()?.to_str().ok()?.into()))
}

/// The same of a path with convertors: `/items/{id:int}` is `/items/{id}`.
pub(crate) fn of_template(template: &str) -> Route {
    let mut label = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, parameter)) = rest.split_once('{') {
        let (inside, after) = parameter.split_once('}').unwrap_or((parameter, ""));
        let name = inside.split(':').next().unwrap_or_default();
        label.extend([before, "{", name, "}"]);
        rest = after;
    }
    label.push_str(rest);
    Route(label.into())
}
