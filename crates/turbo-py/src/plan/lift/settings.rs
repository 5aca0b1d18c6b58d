//! The settings of lifted layers, from the tuples of `turboapi.plans.lifting`.

use http::{HeaderName, HeaderValue};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyString};
use turbo_middleware::cors::{self, Allowed};
use turbo_middleware::gzip::Policy as GzipPolicy;
use turbo_middleware::{https_redirect, trusted_host};

use super::Layer;
use super::gzip::Gzip;

/// `CorsSettings`.
#[derive(FromPyObject)]
#[expect(clippy::struct_excessive_bools, reason = "the attributes of Starlette's class")]
struct CorsSettings {
    allow_origins: Texts,
    allow_methods: Texts,
    allow_headers: Vec<String>,
    allow_all_origins: bool,
    allow_all_headers: bool,
    allow_credentials: bool,
    preflight_explicit_allow_origin: bool,
    allow_private_network: bool,
    simple_headers: Vec<(Vec<u8>, Vec<u8>)>,
    preflight_headers: Vec<(Vec<u8>, Vec<u8>)>,
}

/// `Texts`: in ISO-8859-1, and callables that say whether another one is among them.
#[derive(FromPyObject)]
struct Texts {
    exact: Vec<Vec<u8>>,
    checks: Vec<Py<PyAny>>,
}

/// `GzipSettings`.
#[derive(FromPyObject)]
struct GzipSettings {
    minimum_size: usize,
    level: Py<PyInt>,
    thread_minimum_size: usize,
    excluded: Vec<String>,
    compressobj: Py<PyAny>,
}

/// `TrustedHostSettings`.
#[derive(FromPyObject)]
struct TrustedHostSettings {
    allowed_hosts: Vec<String>,
    allow_any: bool,
    www_redirect: bool,
}

/// The layer that an entry of a stack's `lifted` describes.
pub(super) fn layer(entry: &Bound<'_, PyAny>) -> PyResult<Layer> {
    let kind: String = entry.getattr(intern!(entry.py(), "kind"))?.extract()?;
    Ok(match kind.as_str() {
        "cors" => Layer::Cors(entry.extract::<CorsSettings>()?.try_into()?),
        "gzip" => {
            let settings: GzipSettings = entry.extract()?;
            Layer::Gzip(Gzip::new(
                GzipPolicy::new(settings.minimum_size, settings.excluded),
                settings.level,
                settings.thread_minimum_size,
                settings.compressobj,
            ))
        }
        "trusted_host" => {
            let TrustedHostSettings { allowed_hosts, allow_any, www_redirect } = entry.extract()?;
            Layer::TrustedHost(trusted_host::Policy::from_parts(allowed_hosts, allow_any, www_redirect))
        }
        "https_redirect" => Layer::HttpsRedirect(https_redirect::Policy),
        _ => return Err(PyValueError::new_err(format!("unknown kind of layer {kind:?}"))),
    })
}

impl TryFrom<CorsSettings> for cors::Policy {
    type Error = PyErr;

    fn try_from(settings: CorsSettings) -> PyResult<Self> {
        Ok(Self {
            allow_origins: settings.allow_origins.into(),
            allow_methods: settings.allow_methods.into(),
            allow_headers: settings.allow_headers,
            allow_all_origins: settings.allow_all_origins,
            allow_all_headers: settings.allow_all_headers,
            allow_credentials: settings.allow_credentials,
            preflight_explicit_allow_origin: settings.preflight_explicit_allow_origin,
            allow_private_network: settings.allow_private_network,
            simple_headers: fields(&settings.simple_headers)?,
            preflight_headers: fields(&settings.preflight_headers)?,
        })
    }
}

impl From<Texts> for Allowed {
    fn from(texts: Texts) -> Self {
        let exact = Self::exact(texts.exact);
        texts.checks.into_iter().fold(exact, |allowed, check| {
            allowed.or(move |value| Python::attach(|py| checked(check.bind(py), value).ok()))
        })
    }
}

/// Whether `check` says yes to a field, as the text that Starlette makes of it.
fn checked(check: &Bound<'_, PyAny>, value: &HeaderValue) -> PyResult<bool> {
    let bytes = value.as_bytes();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) if bytes.is_ascii() => PyString::new(check.py(), text),
        _ => PyString::new(check.py(), &bytes.iter().copied().map(char::from).collect::<String>()),
    };
    check.call1((text,))?.is_truthy()
}

fn fields(pairs: &[(Vec<u8>, Vec<u8>)]) -> PyResult<Vec<(HeaderName, HeaderValue)>> {
    let invalid = |error: &dyn std::fmt::Display| PyValueError::new_err(error.to_string());
    pairs
        .iter()
        .map(|(name, value)| {
            let name = HeaderName::from_bytes(name).map_err(|error| invalid(&error))?;
            let value = match value.as_slice() {
                // The usual ones, of which a copy costs nothing.
                b"true" => HeaderValue::from_static("true"),
                b"*" => HeaderValue::from_static("*"),
                other => HeaderValue::from_bytes(other).map_err(|error| invalid(&error))?,
            };
            Ok((name, value))
        })
        .collect()
}
