//! `HttpServer`, the class that Python sees.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::sync::Arc;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use turbo_http::{Config, Connection, Listener, Shutdown, ShutdownHandle};
use turbo_middleware::forwarded::TrustedProxies;

use super::access::Row;
use super::exchange::Exchange;
use super::layered::Layered;
use super::layers;
use super::message;
use super::metrics;
use super::options::{self, Options, WebSocketOptions};
use super::refusal::Refusal;
use super::server::{LoopEnd, Parts, Server};
use super::service::AppService;
use super::shedding::Shedding;
use crate::plan::PlanTable;
use crate::reactor::{Core, Reactor};

/// An HTTP server on one event loop; see `_engine.pyi` for its Python face.
#[pyclass(frozen, module = "turboapi._engine")]
pub(crate) struct HttpServer {
    server: Arc<Server>,
    shutdown: Shutdown,
    handle: ShutdownHandle,
}

#[pymethods]
impl HttpServer {
    #[new]
    #[pyo3(signature = (
        event_loop, app, *, root_path=String::new(), state=None, server_header=true, date_header=true, headers=None,
        proxy_headers=true, forwarded_allow_ips=None, forwarded_port=false, timeout_keep_alive=5.0, timeout_header=30.0,
        limit_concurrency=None, limit_connections=None, ws=true, ws_max_size=16_777_216,
        ws_ping_interval=Some(20.0), ws_ping_timeout=Some(20.0), h11_max_incomplete_event_size=None,
        access_log=true, plans=None, layers=None, load_shedding=None,
    ))]
    #[expect(clippy::too_many_arguments, clippy::fn_params_excessive_bools, reason = "Python keywords")]
    fn new(
        py: Python<'_>,
        event_loop: &Bound<'_, PyAny>,
        app: Py<PyAny>,
        root_path: String,
        state: Option<Bound<'_, PyDict>>,
        server_header: bool,
        date_header: bool,
        headers: Option<&Bound<'_, PyAny>>,
        proxy_headers: bool,
        forwarded_allow_ips: Option<Vec<String>>,
        forwarded_port: bool,
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
        plans: Option<Py<PlanTable>>,
        layers: Option<&Bound<'_, PyDict>>,
        load_shedding: Option<(usize, Vec<String>, u32)>,
    ) -> PyResult<Self> {
        let options = Options {
            keep_alive: options::seconds("timeout_keep_alive", timeout_keep_alive)?,
            header_read: options::seconds("timeout_header", timeout_header)?,
            limit_concurrency,
            limit_connections,
            shedding: load_shedding
                .map(|(limit, exempt, retry_after)| Shedding::new(limit, exempt, retry_after)),
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
        let mut default_headers = Vec::new();
        if let Some(headers) = headers {
            for pair in headers.try_iter()? {
                default_headers.push(message::pair(&pair?)?);
            }
        }
        let refusal = Refusal::new(py, server_header, default_headers.clone())?;
        let config = config(&options, refusal)?;
        let layers = layers.map(layers::layers).transpose()?.unwrap_or_default();
        let proxies = forwarded_allow_ips.unwrap_or_else(|| vec!["127.0.0.1".to_owned()]);
        let server = Server::new(
            py,
            Parts {
                app,
                event_loop: event_loop.clone().unbind(),
                notices: Arc::clone(core.handle()),
                core: Rc::clone(&core),
                config,
                options,
                root_path,
                state: state.unwrap_or_else(|| PyDict::new(py)).unbind(),
                default_headers,
                server_header,
                proxies: proxy_headers.then(|| TrustedProxies::new(&proxies).trust_port(forwarded_port)),
                stack: layers.stack,
                recorder: layers.recorder,
                access_log,
                plans,
            },
        )?;
        let server = Arc::new(server);
        let end = LoopEnd::new(&server);
        core.spawn_task(async move {
            let _end = end;
            std::future::pending::<()>().await;
        })?;
        let (handle, shutdown) = Shutdown::new();
        Ok(Self { server, shutdown, handle })
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
        let listening = server.begin(py)?;
        let shutdown = self.shutdown.clone();
        let config = Arc::clone(&server.config);
        core.spawn_task(async move {
            let app = |connection: &Connection| AppService::new(Arc::clone(&server), connection.clone());
            // Two instances of the transport, so that layers cost nothing where there are none.
            let outcome = match &server.stack {
                None => turbo_http::serve(listener, app, config, shutdown).await,
                Some(stack) => {
                    let layered = |connection: &Connection| Layered::new(stack, app(connection));
                    turbo_http::serve(listener, layered, config, shutdown).await
                }
            };
            if let Err(error) = outcome {
                Python::attach(|py| server.log_exception(py, error.into()));
            }
            drop(listening);
        })?;
        Ok(())
    }

    /// Takes over the listening socket `fd` and answers requests on it with the page of the metrics.
    fn listen_metrics(&self, fd: RawFd) -> PyResult<()> {
        let recorder = self.server.recorder.clone();
        let recorder = recorder.ok_or_else(|| PyValueError::new_err("there is no layer of metrics"))?;
        metrics::listen(&*self.core()?, fd, recorder, self.shutdown.clone())
    }

    /// Stops accepting, closes idle connections and lets the others finish; a WebSocket, which
    /// ends when its app likes, gets a close frame with code 1012 now.
    fn drain(&self, py: Python<'_>) {
        self.handle.drain();
        self.server.tell(py, Exchange::is_websocket);
    }

    /// Delivers `http.disconnect` or `websocket.disconnect` to every running request.
    fn disconnect(&self, py: Python<'_>) {
        self.server.tell(py, |_| true);
    }

    /// Drops every connection and cancels every running request.
    fn close(&self, py: Python<'_>) {
        self.handle.close();
        self.server.cancel_all(py);
    }

    /// A future that is done when every connection is gone and every request has finished.
    fn closed(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.server.closed(py)
    }

    /// Open connections.
    #[getter]
    fn connections(&self) -> u64 {
        self.server.config.stats().open_connections()
    }

    /// Running requests, background work included.
    #[getter]
    fn requests_in_flight(&self) -> usize {
        self.server.in_flight()
    }

    /// Requests that the app has not answered so far; 0 without `load_shedding`.
    #[getter]
    fn requests_waiting(&self) -> usize {
        self.server.options.shedding.as_ref().map_or(0, |shedding| shedding.gate().inside())
    }

    /// Requests that `load_shedding` has refused.
    #[getter]
    fn requests_refused(&self) -> u64 {
        self.server.options.shedding.as_ref().map_or(0, |shedding| shedding.gate().refused())
    }

    /// Completed responses.
    #[getter]
    fn total_requests(&self) -> usize {
        self.server.total()
    }

    /// Rows for the access log; callable from any thread, waits detached.
    fn take_access_log(&self, py: Python<'_>, timeout: f64) -> PyResult<Option<Vec<Columns>>> {
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
    fn core(&self) -> PyResult<Rc<Core>> {
        self.server
            .core
            .with(Rc::clone)
            .ok_or_else(|| PyRuntimeError::new_err("an HttpServer must be used on its event loop's thread"))
    }
}

/// Client, method, path with query, HTTP version, status, request id.
type Columns = (String, String, String, &'static str, u16, Option<String>);

fn columns(row: &Row) -> Columns {
    let version = if row.version == http::Version::HTTP_10 { "1.0" } else { "1.1" };
    let method = row.method.as_str().to_owned();
    let request_id = row.request_id.as_ref().map(|id| id.as_str().to_owned());
    (row.client.to_string(), method, row.full_path(), version, row.status.as_u16(), request_id)
}

fn config(options: &Options, refusal: Refusal) -> PyResult<Config> {
    let mut builder = Config::builder()
        .keep_alive_timeout(options.keep_alive)
        .header_read_timeout(options.header_read)
        .max_connections(options.limit_connections)
        .date_header(options.date_header)
        .refusal(move |status| refusal.respond(status));
    if let Some(limit) = options.max_header_bytes {
        builder = builder.max_header_bytes(limit);
    }
    builder.build().map_err(|error| PyValueError::new_err(error.to_string()))
}
