//! A whole server: worker threads over shared addresses, for programs written in Rust.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tokio::runtime::{Builder, LocalOptions};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tower_service::Service;

use crate::body::RequestBody;
use crate::config::Config;
use crate::connection::{Connection, ConnectionInfo};
use crate::error::BoxError;
use crate::listener::{Address, ListenOptions, Listener};
use crate::serve::serve;
use crate::shutdown::{Shutdown, ShutdownHandle, Stage};
use crate::stats::Stats;

/// A running server: one thread a worker, each with a runtime and a share of the connections of its own.
///
/// Made by [`Server::builder`]. Dropping it drains and does not wait; [`shutdown`](Self::shutdown) does.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<Address>,
    handle: ShutdownHandle,
    stats: Stats,
    workers: Vec<JoinHandle<io::Result<()>>>,
    /// Socket files of our making.
    files: Vec<PathBuf>,
    /// Ends the thread that watches for signals, by being dropped.
    _signals: Option<oneshot::Sender<()>>,
}

impl Server {
    /// A builder with as many workers as there are cores, and no address yet.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// What the server listens on, in the order given, with the ports the system picked.
    #[must_use]
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// A handle to stop the server from elsewhere. The deadline of [`ServerBuilder::graceful_timeout`] runs
    /// from the call of `drain`.
    #[must_use]
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        self.handle.clone()
    }

    /// Live counters of all workers together.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Stops accepting, gives what runs the graceful timeout to finish, and returns when all is closed.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub fn shutdown(self) -> io::Result<()> {
        self.handle.drain();
        self.join()
    }

    /// Waits until the server has been stopped through a [`shutdown_handle`](Self::shutdown_handle).
    ///
    /// # Errors
    /// The first error of a worker: it could not start, or it panicked.
    pub fn join(mut self) -> io::Result<()> {
        let mut result = Ok(());
        for worker in self.workers.drain(..) {
            let ended = worker.join().unwrap_or_else(|_| Err(io::Error::other("a worker thread panicked")));
            result = result.and(ended);
        }
        result
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handle.drain();
        for file in &self.files {
            // Someone else may have removed it, which is as good.
            let _ = std::fs::remove_file(file);
        }
    }
}

/// Drains at the first SIGINT or SIGTERM and closes at the second, until the result is dropped.
fn watch_signals(handle: ShutdownHandle) -> io::Result<oneshot::Sender<()>> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let (running, mut ended) = oneshot::channel();
    // Registered before the caller goes on, so that no later signal can end the process.
    let context = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    drop(context);
    let watch = async move {
        for step in [ShutdownHandle::drain, ShutdownHandle::close] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = &mut ended => return,
            }
            step(&handle);
        }
    };
    let thread = std::thread::Builder::new().name("turbo-http-signals".to_owned());
    thread.spawn(move || runtime.block_on(watch))?;
    Ok(running)
}

/// Where a [`Server`] gets a listening socket from.
#[derive(Debug)]
enum Source {
    Tcp(SocketAddr),
    Unix(PathBuf),
    Listener(Listener),
}

/// Builder of a [`Server`].
#[derive(Debug)]
#[must_use]
pub struct ServerBuilder {
    sources: Vec<Source>,
    options: ListenOptions,
    workers: NonZeroUsize,
    graceful_timeout: Duration,
    connection_info: bool,
    stop_on_signals: bool,
    config: Config,
}

impl Default for ServerBuilder {
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            options: ListenOptions::default(),
            workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            graceful_timeout: Duration::from_secs(30),
            connection_info: false,
            stop_on_signals: false,
            config: Config::default(),
        }
    }
}

impl ServerBuilder {
    /// Adds an IP address to listen on; port 0 picks a free one.
    pub fn tcp(mut self, address: impl Into<SocketAddr>) -> Self {
        self.sources.push(Source::Tcp(address.into()));
        self
    }

    /// Adds a Unix socket to listen on (see [`Listener::unix`] for a file that exists already).
    pub fn unix(mut self, path: impl Into<PathBuf>) -> Self {
        self.sources.push(Source::Unix(path.into()));
        self
    }

    /// Adds a socket that is open already, such as one from [`Listener::from_fd`]. All workers accept from it.
    pub fn listener(mut self, listener: Listener) -> Self {
        self.sources.push(Source::Listener(listener));
        self
    }

    /// The backlog of the sockets to open. Default 2048.
    pub fn backlog(mut self, backlog: u32) -> Self {
        self.options.backlog = backlog;
        self
    }

    /// How many threads serve. Default: one a core.
    pub fn workers(mut self, workers: NonZeroUsize) -> Self {
        self.workers = workers;
        self
    }

    /// How long connections may take to finish once the server is asked to stop. Default 30 s.
    pub fn graceful_timeout(mut self, timeout: Duration) -> Self {
        self.graceful_timeout = timeout;
        self
    }

    /// Whether each request carries a [`ConnectionInfo`] in its extensions. Default no.
    pub fn connection_info(mut self, enabled: bool) -> Self {
        self.connection_info = enabled;
        self
    }

    /// Whether the first SIGINT or SIGTERM drains the server and the second closes it. Default no.
    ///
    /// The process keeps ignoring these signals otherwise, even after the server has ended.
    pub fn stop_on_signals(mut self, enabled: bool) -> Self {
        self.stop_on_signals = enabled;
        self
    }

    /// Timeouts and limits. `max_connections` counts for each worker and address on its own.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Opens the sockets and starts the workers, each with a clone of `service`; each connection gets another.
    ///
    /// Several workers on a TCP address get a socket each, between which the kernel spreads connections
    /// (`SO_REUSEPORT`, on Linux); elsewhere, and on other sockets, they accept from one.
    ///
    /// # Errors
    /// There is no address, one of them cannot be listened on, or a worker cannot be started.
    #[expect(clippy::needless_pass_by_value, reason = "callers make the service on the spot")]
    pub fn start<S, B>(self, service: S) -> io::Result<Server>
    where
        S: Service<Request<RequestBody>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<BoxError>,
    {
        if self.sources.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is no address to listen on"));
        }
        let mut shares: Vec<Vec<Listener>> = (0..self.workers.get()).map(|_| Vec::new()).collect();
        let mut addresses = Vec::new();
        let mut files = Vec::new();
        for source in self.sources {
            let file = if let Source::Unix(path) = &source { Some(path.clone()) } else { None };
            let listeners = open(source, &self.options, shares.len())?;
            files.extend(file);
            addresses.push(listeners[0].address()?);
            for (share, listener) in shares.iter_mut().zip(listeners) {
                share.push(listener);
            }
        }
        let (handle, shutdown) = Shutdown::new();
        let config = Arc::new(self.config);
        let signals = self.stop_on_signals.then(|| watch_signals(handle.clone())).transpose()?;
        // From here on an early return drops the server, which stops the workers started so far.
        let mut server = Server {
            addresses,
            handle,
            stats: config.stats().clone(),
            workers: Vec::new(),
            files,
            _signals: signals,
        };
        let (ready, started) = mpsc::channel();
        for (number, listeners) in shares.into_iter().enumerate() {
            let worker = Worker {
                listeners,
                service: service.clone(),
                connection_info: self.connection_info,
                config: Arc::clone(&config),
                graceful_timeout: self.graceful_timeout,
                handle: server.handle.clone(),
                shutdown: shutdown.clone(),
            };
            let thread = std::thread::Builder::new().name(format!("turbo-http-{number}"));
            let ready = ready.clone();
            server.workers.push(thread.spawn(move || worker.run(&ready))?);
        }
        drop(ready);
        // Without a worker its share of the connections would hang in the backlog, so all have to be there. A
        // worker that has none to report has panicked, and `join` says so.
        for _ in 0..server.workers.len() {
            started.recv().unwrap_or(Ok(()))?;
        }
        Ok(server)
    }
}

/// A listener for each of `count` workers.
fn open(source: Source, options: &ListenOptions, count: usize) -> io::Result<Vec<Listener>> {
    let first = match source {
        Source::Tcp(address) if count > 1 && cfg!(target_os = "linux") => {
            // A socket with SO_REUSEPORT would join another server's unnoticed; one without finds it.
            drop(Listener::tcp(address, options)?);
            let options = ListenOptions { reuse_port: true, ..options.clone() };
            let first = Listener::tcp(address, &options)?;
            if let Address::Tcp(bound) = first.address()? {
                let rest = (1..count).map(|_| Listener::tcp(bound, &options));
                return std::iter::once(Ok(first)).chain(rest).collect();
            }
            first
        }
        Source::Tcp(address) => Listener::tcp(address, options)?,
        Source::Unix(path) => Listener::unix(&path, options)?,
        Source::Listener(listener) => listener,
    };
    let clones = (1..count).map(|_| first.try_clone()).collect::<io::Result<Vec<_>>>()?;
    Ok(std::iter::once(first).chain(clones).collect())
}

/// What one thread does.
struct Worker<S> {
    listeners: Vec<Listener>,
    service: S,
    connection_info: bool,
    config: Arc<Config>,
    graceful_timeout: Duration,
    handle: ShutdownHandle,
    shutdown: Shutdown,
}

impl<S, B> Worker<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>> + Clone + 'static,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    fn run(mut self, ready: &mpsc::Sender<io::Result<()>>) -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                // Nobody is left to tell when the server has been given up because of another worker.
                let _ = ready.send(Err(error));
                return Ok(());
            }
        };
        let _ = ready.send(Ok(()));
        runtime.block_on(async {
            let serving: Vec<_> = std::mem::take(&mut self.listeners)
                .into_iter()
                .map(|listener| tokio::task::spawn_local(self.serve(listener)))
                .collect();
            let served = async {
                let mut result = Ok(());
                for task in serving {
                    let ended = task.await.unwrap_or_else(|error| Err(io::Error::other(error)));
                    if ended.is_err() {
                        // A server that answers on some of its addresses only is worse than one that stops.
                        self.handle.close();
                    }
                    result = result.and(ended);
                }
                result
            };
            let mut shutdown = self.shutdown.clone();
            let deadline = async {
                shutdown.reached(Stage::Draining).await;
                tokio::time::sleep(self.graceful_timeout).await;
                self.handle.close();
                std::future::pending().await
            };
            tokio::select! {
                result = served => result,
                never = deadline => never,
            }
        })
    }

    fn serve(&self, listener: Listener) -> impl Future<Output = io::Result<()>> + use<S, B> {
        let service = self.service.clone();
        let connection_info = self.connection_info;
        let make = move |connection: &Connection| Informed {
            service: service.clone(),
            info: connection_info.then(|| connection.info().clone()),
        };
        serve(listener, make, Arc::clone(&self.config), self.shutdown.clone())
    }
}

/// A service that may tell its requests about their connection.
struct Informed<S> {
    service: S,
    info: Option<ConnectionInfo>,
}

impl<S: Service<Request<RequestBody>>> Service<Request<RequestBody>> for Informed<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, mut request: Request<RequestBody>) -> S::Future {
        if let Some(info) = &self.info {
            request.extensions_mut().insert(info.clone());
        }
        self.service.call(request)
    }
}
