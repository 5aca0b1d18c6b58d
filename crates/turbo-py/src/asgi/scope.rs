//! The connection scope, key by key as uvicorn builds it.

use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString, PyTuple};
use pyo3::{ffi, intern};
use turbo_http::{Address, Connection};
use turbo_middleware::forwarded::{self, Protocol};

use super::arrival::Arrival;
use super::server::Server;

/// The facts of a connection that every scope of it shares.
pub(crate) struct Peer {
    /// An HTTP scope with everything that does not change from request to request.
    template: Py<PyDict>,
    /// `host:port` for the access log; empty on a Unix socket.
    pub(crate) client: Arc<str>,
    /// The same in parts; `None` on a Unix socket.
    address: Option<forwarded::Client>,
    trusted: bool,
    pub(super) connection: Connection,
}

impl Peer {
    pub(crate) fn new(py: Python<'_>, server: &Server, connection: &Connection) -> PyResult<Self> {
        let (client, text, address) = match connection.peer() {
            Address::Tcp(address) => {
                let (host, port) = (address.ip().to_string(), address.port());
                let client = (host.as_str(), port).into_pyobject(py)?.into_any();
                let text = format!("{host}:{port}");
                (client, text, Some(forwarded::Client { host: host.into(), port: port.into() }))
            }
            Address::Unix(_) => (py.None().into_bound(py), String::new(), None),
        };
        let local = match connection.local() {
            Address::Tcp(address) => (address.ip().to_string(), address.port()).into_pyobject(py)?.into_any(),
            Address::Unix(path) => {
                let path = path.as_ref().map(|path| path.to_string_lossy().into_owned());
                (path.unwrap_or_default(), py.None()).into_pyobject(py)?.into_any()
            }
        };
        let template = PyDict::new(py);
        // The order is uvicorn's; `None` keeps the place of what each request fills in.
        template.set_item(intern!(py, "type"), intern!(py, "http"))?;
        template.set_item(intern!(py, "asgi"), py.None())?;
        template.set_item(intern!(py, "http_version"), intern!(py, "1.1"))?;
        template.set_item(intern!(py, "server"), local)?;
        template.set_item(intern!(py, "client"), client)?;
        template.set_item(intern!(py, "scheme"), intern!(py, "http"))?;
        template.set_item(intern!(py, "root_path"), server.root_path.bind(py))?;
        for key in [
            intern!(py, "headers"),
            intern!(py, "state"),
            intern!(py, "method"),
            intern!(py, "path"),
            intern!(py, "raw_path"),
            intern!(py, "query_string"),
        ] {
            template.set_item(key, py.None())?;
        }
        let host = address.as_ref().map(|client| &*client.host);
        let trusted = server.proxies.as_ref().is_some_and(|proxies| proxies.trusts(host));
        let (template, connection) = (template.unbind(), connection.clone());
        Ok(Self { template, client: text.into(), address, trusted, connection })
    }
}

/// A scope and the client name for the access log.
pub(crate) struct Scope<'py> {
    pub(crate) dict: Bound<'py, PyDict>,
    pub(crate) client: Arc<str>,
}

/// Builds the scope of one request; `subprotocols` makes it a WebSocket scope.
pub(crate) fn build<'py>(
    py: Python<'py>,
    server: &Server,
    peer: &Peer,
    parts: &Parts,
    subprotocols: Option<&[String]>,
) -> PyResult<Scope<'py>> {
    let scope = peer.template.bind(py).copy()?;
    let (asgi, protocol) = if subprotocols.is_some() {
        (&server.asgi_websocket, Protocol::WebSocket)
    } else {
        (&server.asgi_http, Protocol::Http)
    };
    scope.set_item(intern!(py, "asgi"), asgi.bind(py).copy()?)?;
    if parts.version == Version::HTTP_10 {
        scope.set_item(intern!(py, "http_version"), intern!(py, "1.0"))?;
    }
    scope.set_item(intern!(py, "headers"), headers(py, peer, parts)?)?;
    scope.set_item(intern!(py, "state"), server.state.bind(py).copy()?)?;
    let raw_path = parts.uri.path();
    let root_path = server.root_path_bytes.as_ref();
    scope.set_item(intern!(py, "path"), path(py, root_path, raw_path)?)?;
    scope.set_item(intern!(py, "raw_path"), joined(py, root_path, raw_path))?;
    let query = parts.uri.query().unwrap_or_default();
    scope.set_item(intern!(py, "query_string"), PyBytes::new(py, query.as_bytes()))?;
    if let Some(subprotocols) = subprotocols {
        scope.set_item(intern!(py, "type"), intern!(py, "websocket"))?;
        scope.set_item(intern!(py, "scheme"), intern!(py, "ws"))?;
        scope.del_item(intern!(py, "method"))?;
        scope.set_item(intern!(py, "subprotocols"), PyList::new(py, subprotocols)?)?;
        let extensions = PyDict::new(py);
        extensions.set_item(intern!(py, "websocket.http.response"), PyDict::new(py))?;
        scope.set_item(intern!(py, "extensions"), extensions)?;
    } else {
        scope.set_item(intern!(py, "method"), method(py, &parts.method))?;
    }
    let mut client = Arc::clone(&peer.client);
    if peer.trusted
        && let Some(proxies) = &server.proxies
    {
        let forwarded = proxies.forwarded(true, &parts.headers, protocol);
        if let Some(scheme) = forwarded.scheme {
            scope.set_item(intern!(py, "scheme"), scheme)?;
        }
        if let Some((host, port)) = forwarded.client {
            client = format!("{host}:{port}").into();
            scope.set_item(intern!(py, "client"), (host, port))?;
        }
        if let (Some(port), Address::Tcp(local)) = (forwarded.port, peer.connection.local()) {
            scope.set_item(intern!(py, "server"), (local.ip().to_string(), port))?;
        }
    }
    Ok(Scope { dict: scope, client })
}

/// The client as the access log names it, without a scope.
pub(crate) fn client_name(server: &Server, peer: &Peer, headers: &HeaderMap) -> Arc<str> {
    if peer.trusted
        && let Some(proxies) = &server.proxies
        && let Some((host, port)) = proxies.forwarded(true, headers, Protocol::Http).client
    {
        return format!("{host}:{port}").into();
    }
    Arc::clone(&peer.client)
}

/// What the engine's layers are told of a request's origin.
pub(crate) struct Origin {
    pub(crate) client: Option<forwarded::Client>,
    pub(crate) scheme: forwarded::Scheme,
    /// The client as the access log names it.
    pub(crate) name: Arc<str>,
}

pub(crate) fn origin(server: &Server, peer: &Peer, headers: &HeaderMap, protocol: Protocol) -> Origin {
    let plain = if protocol == Protocol::WebSocket { "ws" } else { "http" };
    let seen = match &server.proxies {
        Some(proxies) => proxies.forwarded(peer.trusted, headers, protocol),
        None => forwarded::Forwarded::default(),
    };
    let (client, name) = match seen.client {
        Some((host, port)) => {
            let name = format!("{host}:{port}").into();
            (Some(forwarded::Client { host: host.into(), port }), name)
        }
        None => (peer.address.clone(), Arc::clone(&peer.client)),
    };
    Origin { client, scheme: forwarded::Scheme(seen.scheme.unwrap_or(plain)), name }
}

/// The scheme of an HTTP request, without a scope.
pub(crate) fn scheme(server: &Server, peer: &Peer, headers: &HeaderMap) -> &'static str {
    let proxies = server.proxies.as_ref().filter(|_| peer.trusted);
    proxies.and_then(|proxies| proxies.forwarded(true, headers, Protocol::Http).scheme).unwrap_or("http")
}

/// `root_path` + percent-decoded path, as `urllib.parse.unquote` decodes: UTF-8, bad bytes replaced.
fn path<'py>(py: Python<'py>, root_path: &[u8], raw: &str) -> PyResult<Bound<'py, PyAny>> {
    if root_path.is_empty() && !raw.contains('%') {
        return Ok(PyString::new(py, raw).into_any());
    }
    let mut bytes = root_path.to_vec();
    bytes.extend(percent_encoding::percent_decode_str(raw));
    // SAFETY: pointer and length describe `bytes`; the call returns a new reference.
    unsafe {
        Bound::from_owned_ptr_or_err(
            py,
            ffi::PyUnicode_DecodeUTF8(
                bytes.as_ptr().cast(),
                ffi::Py_ssize_t::try_from(bytes.len()).unwrap_or(0),
                c"replace".as_ptr(),
            ),
        )
    }
}

fn joined<'py>(py: Python<'py>, root_path: &[u8], raw: &str) -> Bound<'py, PyBytes> {
    if root_path.is_empty() {
        return PyBytes::new(py, raw.as_bytes());
    }
    PyBytes::new(py, &[root_path, raw.as_bytes()].concat())
}

fn method<'py>(py: Python<'py>, method: &Method) -> Bound<'py, PyString> {
    match *method {
        Method::GET => intern!(py, "GET").clone(),
        Method::POST => intern!(py, "POST").clone(),
        Method::PUT => intern!(py, "PUT").clone(),
        Method::DELETE => intern!(py, "DELETE").clone(),
        Method::PATCH => intern!(py, "PATCH").clone(),
        Method::HEAD => intern!(py, "HEAD").clone(),
        Method::OPTIONS => intern!(py, "OPTIONS").clone(),
        _ => PyString::new(py, method.as_str()),
    }
}

/// `[(name, value), ...]`, lower-case names, in the order they came.
fn headers<'py>(py: Python<'py>, peer: &Peer, parts: &Parts) -> PyResult<Bound<'py, PyList>> {
    let headers = &parts.headers;
    let list = PyList::empty(py);
    let append = |name: &HeaderName, value: &HeaderValue| {
        let name = PyBytes::new(py, name.as_str().as_bytes());
        list.append(PyTuple::new(py, [name, PyBytes::new(py, value.as_bytes())])?)
    };
    if let Some(arrival) = parts.extensions.get::<Arrival>() {
        arrival.arrange(headers).into_iter().try_for_each(|(name, value)| append(name, value))?;
        return Ok(list);
    }
    match peer.connection.field_order(headers) {
        Some(fields) => fields.iter().try_for_each(|(name, value)| append(name, value))?,
        None => headers.iter().try_for_each(|(name, value)| append(name, value))?,
    }
    Ok(list)
}
