//! One listener on one thread: accept, run the connections, stop.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_service::Service;

use crate::body::RequestBody;
use crate::config::Config;
use crate::connection::{Connection, ConnectionInfo, Phase, State, Verdict};
use crate::error::BoxError;
use crate::io::Transport;
use crate::listener::{Acceptor, Address, Listener};
use crate::registry::{Registration, Registry};
use crate::service::Adapter;
use crate::shutdown::{Shutdown, Stage};
use crate::stream::Stream;
use crate::upgrade::Upgraded;

/// Most a peer may send after our last response before we hang up on it.
const LINGER_BYTES: usize = 1024 * 1024;
/// hyper's read and write buffers grow to this at most (or to the largest header section, if that is more).
const BUFFER_BYTES: usize = 128 * 1024;
/// Pauses after an `accept` that failed for want of resources.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Serves HTTP/1.1 on `listener` until `shutdown` asks otherwise.
///
/// Runs on the calling thread: connections are tasks made by [`tokio::task::spawn_local`], so this needs a
/// `LocalRuntime` (or a `LocalSet`) with I/O and time enabled, and nothing in it has to be `Send`. `make` is
/// called once a connection and gives it its service; its requests are handled one after the other.
///
/// An error of the service or of a response body ends the connection without completing the response, so
/// that the client can see the truncation; what was produced before is still sent.
///
/// Returns when the listener is closed and every connection is gone, upgraded ones included. Dropping the
/// future drops the connections.
///
/// # Errors
/// The listener cannot be registered with the runtime. Errors of single connections end only those, and
/// failures to accept are counted ([`Stats::accept_errors`](crate::Stats::accept_errors)) and retried.
pub async fn serve<M, S, B>(
    listener: Listener,
    make: M,
    config: Arc<Config>,
    shutdown: Shutdown,
) -> io::Result<()>
where
    M: FnMut(&Connection) -> S,
    S: Service<Request<RequestBody>, Response = Response<B>> + 'static,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    let acceptor = listener.into_acceptor()?;
    let registry = Registry::new(&config);
    let _abort_the_rest = AbortOnDrop(Rc::clone(&registry));
    let mut sweep = pin!(registry.sweep(&config));
    let mut work = pin!(work(acceptor, make, &config, shutdown, Rc::clone(&registry)));
    poll_fn(|cx| {
        if let Poll::Ready(never) = sweep.as_mut().poll(cx) {
            match never {}
        }
        work.as_mut().poll(cx)
    })
    .await;
    Ok(())
}

struct AbortOnDrop(Rc<Registry>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.decide_all(Verdict::Abort);
    }
}

async fn work<M, S, B>(
    acceptor: Acceptor,
    make: M,
    config: &Arc<Config>,
    mut shutdown: Shutdown,
    registry: Rc<Registry>,
) where
    M: FnMut(&Connection) -> S,
    S: Service<Request<RequestBody>, Response = Response<B>> + 'static,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    let mut spawner = Spawner::new(make, config, Rc::clone(&registry));
    tokio::select! {
        biased;
        () = shutdown.reached(Stage::Draining) => {}
        () = spawner.accept_all(&acceptor, config.max_connections) => {}
    }
    registry.drain();
    if shutdown.stage() < Stage::Closed {
        spawner.accept_backlog(&acceptor).await;
    }
    drop(acceptor);
    // What has arrived on the new connections is only known after the I/O driver has run.
    tokio::task::yield_now().await;
    registry.decide_all(Verdict::Close);
    tokio::select! {
        biased;
        () = shutdown.reached(Stage::Closed) => {}
        () = registry.below(1) => {}
    }
    registry.decide_all(Verdict::Abort);
    registry.below(1).await;
}

/// Turns accepted sockets into connection tasks.
struct Spawner<M> {
    make: M,
    http: http1::Builder,
    registry: Rc<Registry>,
}

impl<M> Spawner<M> {
    fn new(make: M, config: &Config, registry: Rc<Registry>) -> Self {
        let mut http = http1::Builder::new();
        // `pipeline_flush` stays off: with it hyper buffers a response without bound, and sends nothing of it
        // while the next request is waiting. The header timeout is ours, so hyper needs no timer.
        http.max_buf_size(config.max_header_bytes.max(BUFFER_BYTES))
            .max_header_size(config.max_header_bytes)
            .auto_date_header(config.date_header)
            .header_read_timeout(None);
        if let Some(limit) = config.max_headers {
            http.max_headers(limit);
        }
        Self { make, http, registry }
    }

    /// Accepts for ever, keeping to `limit` connections.
    async fn accept_all<S, B>(&mut self, acceptor: &Acceptor, limit: Option<usize>)
    where
        M: FnMut(&Connection) -> S,
        S: Service<Request<RequestBody>, Response = Response<B>> + 'static,
        S::Error: Into<BoxError>,
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<BoxError>,
    {
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(limit) = limit {
                self.registry.below(limit).await;
            }
            match acceptor.accept().await {
                Ok((stream, peer)) => {
                    pause = FIRST_PAUSE;
                    self.spawn(stream, peer);
                }
                Err(error) if is_peers_doing(&error) => {}
                Err(_) => {
                    // Out of descriptors or memory: the connection stays in the backlog, so trying again at
                    // once would only spin.
                    self.registry.accept_failed();
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Accepts what has finished its handshake, whatever the limit: nobody else would answer it.
    async fn accept_backlog<S, B>(&mut self, acceptor: &Acceptor)
    where
        M: FnMut(&Connection) -> S,
        S: Service<Request<RequestBody>, Response = Response<B>> + 'static,
        S::Error: Into<BoxError>,
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<BoxError>,
    {
        // The driver tells of new connections only when it runs.
        tokio::task::yield_now().await;
        loop {
            let mut accept = pin!(acceptor.accept());
            let accepted = poll_fn(|cx| Poll::Ready(accept.as_mut().poll(cx))).await;
            match accepted {
                Poll::Ready(Ok((stream, peer))) => self.spawn(stream, peer),
                Poll::Ready(Err(error)) if is_peers_doing(&error) => {}
                Poll::Ready(Err(_)) | Poll::Pending => return,
            }
        }
    }

    fn spawn<S, B>(&mut self, stream: Stream, peer: Address)
    where
        M: FnMut(&Connection) -> S,
        S: Service<Request<RequestBody>, Response = Response<B>> + 'static,
        S::Error: Into<BoxError>,
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<BoxError>,
    {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        // Both fail when the peer has reset the connection already.
        let (Ok(local), Ok(())) = (stream.local_address(), stream.set_nodelay()) else { return };
        let info = ConnectionInfo::new(NEXT_ID.fetch_add(1, Ordering::Relaxed), peer, local);
        let state = Rc::new(State::new(Rc::clone(&self.registry), info));
        let registration = self.registry.register(Rc::clone(&state));
        let service = (self.make)(&Connection { state: Rc::clone(&state) });
        let adapter = Adapter::new(service, Rc::clone(&state));
        let io = TokioIo::new(Transport::new(stream, Rc::clone(&state)));
        let http = self.http.serve_connection(io, adapter);
        tokio::task::spawn_local(run(http, state, registration));
    }
}

/// Whether a failed `accept` is about the one connection only.
fn is_peers_doing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

type Http<S> = http1::Connection<TokioIo<Transport>, Adapter<S>>;

/// The life of one connection.
async fn run<S, B>(mut http: Http<S>, state: Rc<State>, registration: Registration)
where
    S: Service<Request<RequestBody>, Response = Response<B>> + 'static,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    let _registration = registration;
    poll_fn(|cx| {
        state.set_waker(cx.waker());
        Poll::Ready(())
    })
    .await;
    let mut closing = false;
    let ended = poll_fn(|cx| poll_http(&mut http, &state, &mut closing, cx)).await;
    if ended == Ended::Dropped {
        return;
    }
    let parts = http.into_parts();
    drop(parts.service);
    let mut stream = parts.io.into_inner().into_stream();
    if let (true, Some(sender)) = (state.switched.get(), state.upgrade.take()) {
        state.enter(Phase::Upgraded);
        let (upgraded, mut remnant) = Upgraded::split(stream, parts.read_buf);
        if sender.send(upgraded).is_ok() {
            poll_fn(|cx| {
                if state.verdict() == Verdict::Abort {
                    remnant.abort();
                    return Poll::Ready(());
                }
                remnant.poll_done(cx)
            })
            .await;
        }
        return;
    }
    let lingers = ended == Ended::Complete && state.peer_may_send();
    state.enter(Phase::Lingering);
    poll_fn(|cx| Pin::new(&mut stream).poll_shutdown(cx).map(|_| ())).await;
    if lingers {
        let mut budget = LINGER_BYTES;
        poll_fn(|cx| poll_linger(&mut stream, &state, &mut budget, cx)).await;
    }
}

/// How the HTTP part of a connection came to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// In order, or with an error of the protocol that was answered.
    Complete,
    /// By our decision, with nothing more to say.
    Dropped,
}

fn poll_http<S, B>(http: &mut Http<S>, state: &State, closing: &mut bool, cx: &mut Context<'_>) -> Poll<Ended>
where
    S: Service<Request<RequestBody>, Response = Response<B>> + 'static,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<BoxError>,
{
    loop {
        if state.verdict() == Verdict::Abort {
            return Poll::Ready(Ended::Dropped);
        }
        if Pin::new(&mut *http).poll(cx).is_ready() {
            return Poll::Ready(Ended::Complete);
        }
        if state.verdict() == Verdict::Keep && !state.is_expired() {
            return Poll::Pending;
        }
        // What had arrived is processed by now: only now the phase tells whether the connection is idle.
        let phase = state.phase();
        let idle = matches!(phase, Phase::Fresh | Phase::Idle);
        let awaited = state.registry.is_newcomer(state);
        let late = state.is_expired() && (idle || phase == Phase::ReadingHead);
        match state.verdict() {
            Verdict::Abort => return Poll::Ready(Ended::Dropped),
            // The rest of a body may still be on its way, so this is not the same as dropping the socket.
            Verdict::Close if idle && !awaited => return Poll::Ready(Ended::Complete),
            _ if late => return Poll::Ready(Ended::Dropped),
            Verdict::Close if phase != Phase::ReadingHead && !awaited && !*closing => {
                state.reprieve();
                *closing = true;
                Pin::new(&mut *http).graceful_shutdown();
            }
            _ => {
                state.reprieve();
                return Poll::Pending;
            }
        }
    }
}

/// Reads and forgets until the peer is done, so that our last response is not lost to a reset
/// (RFC 9112 section 9.6).
fn poll_linger(stream: &mut Stream, state: &State, budget: &mut usize, cx: &mut Context<'_>) -> Poll<()> {
    let mut scratch = [0; 4096];
    while state.verdict() < Verdict::Abort && !state.is_expired() {
        let mut buf = ReadBuf::new(&mut scratch);
        let Ok(()) = ready!(Pin::new(&mut *stream).poll_read(cx, &mut buf)) else { break };
        let received = buf.filled().len();
        if received == 0 || received > *budget {
            break;
        }
        *budget -= received;
    }
    Poll::Ready(())
}
