//! The arguments of a route from its request: extraction and validation, before any code of the user runs.
//!
//! [`Extractor`] holds what `turboapi.plans.parameters` and `turboapi.plans.bodies` compiled. Either every
//! parameter has the value FastAPI would give it, or the request is refused and FastAPI sees it untouched; so no
//! error is ever made here.

mod body;
mod literal;
mod parameter;
mod source;
mod spec;
mod text;
mod validator;

use http::{HeaderMap, HeaderName, HeaderValue};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use turbo_router::Convertor;

pub(crate) use self::source::{RequestSource, ScopeSource, Source};

use self::body::{Body, Received};
use self::parameter::Parameter;

/// What extraction came to.
pub(crate) enum Extracted {
    /// The value of each parameter, then of each body field, in the order of the plan.
    Values(Vec<Py<PyAny>>),
    /// Something is missing, invalid or in doubt.
    Refused,
}

/// Where the values of path parameters come from.
enum Path<'a, 'py> {
    /// Convertor and text in template order.
    Matched(&'a [(Convertor, &'a str)]),
    /// `scope["path_params"]`, converted by Starlette.
    Converted(&'a Bound<'py, PyDict>),
}

/// Extracts and validates the parameters and the body of one route.
#[pyclass(frozen, module = "turboapi._engine")]
pub(crate) struct Extractor {
    parameters: Vec<Parameter>,
    body: Option<Body>,
    reads_headers: bool,
}

#[pymethods]
impl Extractor {
    #[new]
    fn new(parameters: Vec<spec::ParameterSpec<'_>>, body: Option<spec::BodySpec<'_>>) -> PyResult<Self> {
        let parameters =
            parameters.into_iter().map(Parameter::try_from).collect::<PyResult<Vec<Parameter>>>()?;
        let body = body.map(Body::try_from).transpose()?;
        let reads_headers = parameters.iter().any(Parameter::reads_headers);
        Ok(Self { parameters, body, reads_headers })
    }

    /// The values for a request that Starlette's router has matched and FastAPI's handler has read the body of.
    ///
    /// `body` is pydantic's `Undefined` if there is none. `None` if the request is refused.
    #[pyo3(name = "from_scope")]
    fn scope_values(
        &self,
        scope: &Bound<'_, PyDict>,
        path_params: &Bound<'_, PyDict>,
        body: &Bound<'_, PyAny>,
    ) -> Option<Vec<Py<PyAny>>> {
        let source = ScopeSource::new(scope, self.reads_headers)?;
        self.values(scope.py(), &source, &Path::Converted(path_params), &Received::Parsed(body.clone()))
    }

    /// The values for a request as the engine has it: `path` holds the convertor's name and the text of each path
    /// parameter in template order. For checks of a plan against FastAPI. `None` if the request is refused.
    #[pyo3(name = "from_request", signature = (query, headers, path, body = None))]
    #[allow(clippy::needless_pass_by_value)] // The signature of a Python method.
    fn request_values(
        &self,
        py: Python<'_>,
        query: &str,
        headers: Vec<(Vec<u8>, Vec<u8>)>,
        path: Vec<(String, String)>,
        body: Option<&[u8]>,
    ) -> PyResult<Option<Vec<Py<PyAny>>>> {
        let mut fields = HeaderMap::with_capacity(headers.len());
        for (name, value) in &headers {
            let name =
                HeaderName::from_bytes(name).map_err(|error| PyValueError::new_err(error.to_string()))?;
            let value =
                HeaderValue::from_bytes(value).map_err(|error| PyValueError::new_err(error.to_string()))?;
            fields.append(name, value);
        }
        let mut matched = Vec::with_capacity(path.len());
        for (convertor, text) in &path {
            let convertor = match convertor.as_str() {
                "str" => Convertor::Str,
                "path" => Convertor::Path,
                "int" => Convertor::Int,
                "float" => Convertor::Float,
                "uuid" => Convertor::Uuid,
                other => return Err(PyValueError::new_err(format!("unknown convertor {other:?}"))),
            };
            matched.push((convertor, text.as_str()));
        }
        Ok(match self.extract(py, &RequestSource::new(Some(query), &fields), &matched, body) {
            Extracted::Values(values) => Some(values),
            Extracted::Refused => None,
        })
    }
}

impl Extractor {
    /// Whether the body must be read before [`Extractor::extract`].
    pub(crate) fn takes_body(&self) -> bool {
        self.body.is_some()
    }

    /// Whether header fields other than `content-type` matter.
    pub(crate) fn reads_headers(&self) -> bool {
        self.reads_headers || self.body.is_some()
    }

    /// The values for a request; `path` has convertor and text of each path parameter in template order
    /// ([`turbo_router::Params::iter`]), and `body` the whole body if the plan takes one.
    pub(crate) fn extract(
        &self,
        py: Python<'_>,
        source: &dyn Source,
        path: &[(Convertor, &str)],
        body: Option<&[u8]>,
    ) -> Extracted {
        match self.values(py, source, &Path::Matched(path), &Received::Bytes(body.unwrap_or_default())) {
            Some(values) => Extracted::Values(values),
            None => Extracted::Refused,
        }
    }

    fn values(
        &self,
        py: Python<'_>,
        source: &dyn Source,
        path: &Path<'_, '_>,
        received: &Received<'_, '_>,
    ) -> Option<Vec<Py<PyAny>>> {
        let fields = self.body.as_ref().map_or(0, Body::len);
        // With room for what most programs add to them, so that they need not move.
        let mut values = Vec::with_capacity(self.parameters.len() + fields + 8);
        for parameter in &self.parameters {
            values.push(parameter.value(py, source, path)?.unbind());
        }
        if let Some(body) = &self.body {
            body.values(py, source, received, &mut values)?;
        }
        Some(values)
    }
}
