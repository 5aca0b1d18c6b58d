//! A server on its own `LocalRuntime` and a client that sends bytes as they are.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use http_body_util::combinators::BoxBody;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::task::JoinHandle;
use tower_service::Service;
use turbo_http::{
    Address, BoxError, Config, Connection, ListenOptions, Listener, RequestBody, Shutdown, ShutdownHandle,
};

/// No step of a test takes this long unless something hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) type Body = BoxBody<Bytes, BoxError>;
pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>>>>;

pub(crate) fn full(text: impl Into<Bytes>) -> Body {
    use http_body_util::BodyExt;
    Full::new(text.into()).map_err(|never: Infallible| match never {}).boxed()
}

/// A handler that answers every request with the same text.
pub(crate) fn text(
    text: &'static str,
) -> impl Fn(Request<RequestBody>, Connection) -> Answer + Clone + 'static {
    move |_, _| Box::pin(async move { Ok(Response::new(full(text))) })
}

/// A tower service made of a function and the connection it serves.
#[derive(Clone)]
pub(crate) struct Handler<F> {
    function: F,
    connection: Connection,
}

impl<F> Service<Request<RequestBody>> for Handler<F>
where
    F: Fn(Request<RequestBody>, Connection) -> Answer,
{
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Answer {
        (self.function)(request, self.connection.clone())
    }
}

pub(crate) struct Fixture<F> {
    pub(crate) function: F,
    pub(crate) config: Config,
    /// Tokio's clock, which jumps to the next timer when nothing else is to be done.
    pub(crate) paused: bool,
}

impl<F> Fixture<F>
where
    F: Fn(Request<RequestBody>, Connection) -> Answer + Clone + 'static,
{
    pub(crate) fn new(function: F) -> Self {
        Self { function, config: Config::default(), paused: false }
    }

    pub(crate) fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    pub(crate) fn paused(mut self) -> Self {
        self.paused = true;
        self
    }

    /// Serves on a free port of the loopback interface while `test` runs, and stops by force.
    pub(crate) fn run(self, test: impl AsyncFnOnce(&Server)) {
        let listener = Listener::tcp("127.0.0.1:0".parse().unwrap(), &ListenOptions::default()).unwrap();
        self.run_on(listener, test);
    }

    pub(crate) fn run_on(self, listener: Listener, test: impl AsyncFnOnce(&Server)) {
        runtime(self.paused).block_on(async move {
            let address = listener.address().unwrap();
            let (handle, shutdown) = Shutdown::new();
            let function = self.function;
            let config = Arc::new(self.config);
            let make = move |connection: &Connection| Handler {
                function: function.clone(),
                connection: connection.clone(),
            };
            let serving = turbo_http::serve(listener, make, Arc::clone(&config), shutdown);
            let server = Server { address, handle, config, task: tokio::task::spawn_local(serving) };
            test(&server).await;
            server.handle.close();
            patiently(server.task).await.unwrap().unwrap();
        });
    }
}

pub(crate) fn runtime(paused: bool) -> LocalRuntime {
    Builder::new_current_thread()
        .enable_all()
        .start_paused(paused)
        .build_local(LocalOptions::default())
        .unwrap()
}

/// Fails the test rather than let it hang. Tests on a paused clock keep to timeouts below this.
pub(crate) async fn patiently<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("the test hangs")
}

pub(crate) struct Server {
    pub(crate) address: Address,
    pub(crate) handle: ShutdownHandle,
    pub(crate) config: Arc<Config>,
    pub(crate) task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    pub(crate) async fn connect(&self) -> Client {
        let Address::Tcp(address) = self.address else { panic!("not a TCP server") };
        let stream = TcpStream::connect(address).await.unwrap();
        // What a test sends in pieces has to arrive so.
        stream.set_nodelay(true).unwrap();
        Client::new(stream)
    }

    /// Lets the server process what has arrived.
    pub(crate) async fn settle(&self) {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    /// Waits until this many connections are open.
    pub(crate) async fn open_connections(&self, count: u64) {
        patiently(async {
            while self.config.stats().open_connections() != count {
                // Not `yield_now`: a paused clock only goes on when there is nothing else to do.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) bytes: Vec<u8>,
}

impl Reply {
    pub(crate) fn body(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A client that knows as much of HTTP as is needed to find the end of a response.
pub(crate) struct Client<S = TcpStream> {
    pub(crate) stream: S,
    pub(crate) buffer: Vec<u8>,
}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> Client<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        patiently(self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Reads once more; false at the end of the stream, be it by a reset.
    pub(crate) async fn fill(&mut self) -> bool {
        patiently(self.stream.read_buf(&mut self.buffer)).await.unwrap_or(0) > 0
    }

    /// Everything up to and with `mark`.
    pub(crate) async fn until(&mut self, mark: &str) -> String {
        loop {
            let found = self.buffer.windows(mark.len()).position(|window| window == mark.as_bytes());
            if let Some(start) = found {
                let rest = self.buffer.split_off(start + mark.len());
                return String::from_utf8(std::mem::replace(&mut self.buffer, rest)).unwrap();
            }
            let so_far = String::from_utf8_lossy(&self.buffer).into_owned();
            assert!(self.fill().await, "the connection ended before {mark:?}: {so_far:?}");
        }
    }

    pub(crate) async fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length {
            assert!(self.fill().await, "the connection ended too early");
        }
        let rest = self.buffer.split_off(length);
        std::mem::replace(&mut self.buffer, rest)
    }

    /// The rest of what the server sends before it closes the connection.
    pub(crate) async fn rest(&mut self) -> String {
        while self.fill().await {}
        String::from_utf8(std::mem::take(&mut self.buffer)).unwrap()
    }

    pub(crate) async fn response(&mut self) -> Reply {
        self.response_to("GET").await
    }

    /// One response, whose framing depends on the method of the request.
    pub(crate) async fn response_to(&mut self, method: &str) -> Reply {
        let head = self.until("\r\n\r\n").await;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut reply = Reply { status, head, bytes: Vec::new() };
        if method == "HEAD" || matches!(status, 100..=199 | 204 | 304) {
            return reply;
        }
        if let Some(length) = reply.header("content-length") {
            reply.bytes = self.exactly(length.parse().unwrap()).await;
        } else if reply.header("transfer-encoding") == Some("chunked") {
            loop {
                let line = self.until("\r\n").await;
                let length = usize::from_str_radix(line.trim_end(), 16).unwrap();
                reply.bytes.extend(self.exactly(length).await);
                assert_eq!(self.until("\r\n").await, "\r\n");
                if length == 0 {
                    break;
                }
            }
        } else {
            reply.bytes = self.rest().await.into_bytes();
        }
        reply
    }
}
