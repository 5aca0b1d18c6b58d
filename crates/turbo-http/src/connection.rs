//! What is known and can be asked about one connection.
//!
//! A connection has one task, all on one thread, so its state is a handful of `Cell`s behind an `Rc`: the
//! socket wrapper, the service adapter and the response body move the phase on, the sweep reads it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::oneshot;

use crate::body::{Expected, Inbound};
use crate::head::{HeadScan, LastRead, has_bare_line_feed};
use crate::listener::Address;
use crate::registry::Registry;
use crate::upgrade::Upgraded;

/// Where a connection is in its cycle of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Accepted, and nothing received yet.
    Fresh,
    /// Between two requests.
    Idle,
    /// Some of a header section has arrived.
    ReadingHead,
    /// The service is at work, or its response is still being written.
    InFlight,
    /// The response body is complete, but not all of it has left our buffers.
    Finishing,
    /// The response is sent and the rest of what the peer sends is thrown away.
    Lingering,
    /// Taken over by another protocol; no limit applies any more.
    Upgraded,
}

/// What has been decided about a connection from outside its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// Go on.
    Keep,
    /// No further request: end when idle, or after the response that is being made.
    Close,
    /// Drop the socket.
    Abort,
}

/// A handle on one connection: its facts, and two ways to end it. Cheap to clone, not `Send`.
///
/// A service gets it when the connection is made (see [`serve`](crate::serve())).
#[derive(Clone)]
pub struct Connection {
    pub(crate) state: Rc<State>,
}

impl Connection {
    /// The other end.
    #[must_use]
    pub fn peer(&self) -> &Address {
        &self.state.info.0.peer
    }

    /// Our end.
    #[must_use]
    pub fn local(&self) -> &Address {
        &self.state.info.0.local
    }

    /// A number no other connection of this process has.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.state.info.0.id
    }

    /// The same facts in a form that is `Send` and outlives the connection.
    #[must_use]
    pub fn info(&self) -> &ConnectionInfo {
        &self.state.info
    }

    /// The fields of a request's `headers` in the order they came, where the map had to move some.
    ///
    /// To be asked when the request arrives. `None` when the map has the order already, and in rare cases when it
    /// cannot be told any more: a header section in several packets, or above 4 KiB.
    #[must_use]
    pub fn field_order(&self, headers: &HeaderMap) -> Option<Vec<(HeaderName, HeaderValue)>> {
        if headers.len() == headers.keys_len() {
            return None;
        }
        self.state.registry.last_read.field_order(self.id(), headers)
    }

    /// Takes no further request on this connection. The response in progress is completed, with
    /// `connection: close` if its header is not out yet; an idle connection is closed at once.
    pub fn close_after_response(&self) {
        self.state.decide(Verdict::Close);
    }

    /// Drops the socket now: a response that is not complete stays so, and the client can tell.
    pub fn abort(&self) {
        self.state.decide(Verdict::Abort);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.id())
            .field("peer", self.peer())
            .field("local", self.local())
            .finish_non_exhaustive()
    }
}

/// The facts of a connection: who talks to whom. `Send + Sync`, cheap to clone.
///
/// [`Server`](crate::Server) puts it into the extensions of each request when asked to.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionInfo(Arc<Facts>);

#[derive(PartialEq, Eq)]
struct Facts {
    id: u64,
    peer: Address,
    local: Address,
}

impl ConnectionInfo {
    pub(crate) fn new(id: u64, peer: Address, local: Address) -> Self {
        Self(Arc::new(Facts { id, peer, local }))
    }

    /// The other end.
    #[must_use]
    pub fn peer(&self) -> &Address {
        &self.0.peer
    }

    /// Our end.
    #[must_use]
    pub fn local(&self) -> &Address {
        &self.0.local
    }

    /// A number no other connection of this process has.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.0.id
    }
}

impl fmt::Debug for ConnectionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionInfo")
            .field("id", &self.0.id)
            .field("peer", &self.0.peer)
            .field("local", &self.0.local)
            .finish()
    }
}

/// The shared state of a connection's parts.
pub(crate) struct State {
    phase: Cell<Phase>,
    /// Tick of the last change of phase.
    since: Cell<u32>,
    /// Tick at which the socket stopped taking bytes.
    stalled: Cell<Option<u32>>,
    verdict: Cell<Verdict>,
    /// The peer has used up the time of its phase; forgotten when the phase turns out to have moved on.
    expired: Cell<bool>,
    /// Set when an application error must end the connection once what is buffered has been sent.
    failing: Cell<bool>,
    /// The peer has closed its sending side.
    peer_done: Cell<bool>,
    /// The header section has to be looked at more closely before it is believed.
    suspect: Cell<bool>,
    /// Follows a header section that comes in pieces.
    scan: RefCell<Option<HeadScan>>,
    /// What the next bytes are.
    inbound: Arc<Inbound>,
    waker: Cell<Option<Waker>>,
    /// Where to send the socket when the service answers 101; `switched` says that it has.
    pub(crate) upgrade: Cell<Option<oneshot::Sender<Upgraded>>>,
    pub(crate) switched: Cell<bool>,
    pub(crate) registry: Rc<Registry>,
    /// Position in the registry.
    pub(crate) index: Cell<usize>,
    info: ConnectionInfo,
}

impl State {
    pub(crate) fn new(registry: Rc<Registry>, info: ConnectionInfo) -> Self {
        Self {
            phase: Cell::new(Phase::Fresh),
            since: Cell::new(registry.now()),
            stalled: Cell::new(None),
            verdict: Cell::new(Verdict::Keep),
            expired: Cell::new(false),
            failing: Cell::new(false),
            peer_done: Cell::new(false),
            suspect: Cell::new(false),
            scan: RefCell::new(None),
            inbound: Arc::default(),
            waker: Cell::new(None),
            upgrade: Cell::new(None),
            switched: Cell::new(false),
            registry,
            index: Cell::new(usize::MAX),
            info,
        }
    }

    #[inline]
    pub(crate) fn phase(&self) -> Phase {
        self.phase.get()
    }

    #[inline]
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(self.registry.now());
    }

    /// Whole ticks since the phase began.
    pub(crate) fn age(&self) -> u32 {
        self.registry.now().wrapping_sub(self.since.get())
    }

    /// Whole ticks since the socket stopped taking bytes; `None` while it takes them.
    pub(crate) fn stalled_for(&self) -> Option<u32> {
        self.stalled.get().map(|since| self.registry.now().wrapping_sub(since))
    }

    /// The socket is about to be read. Doing so in the middle of a header section means that it did not come in
    /// one piece, so what there is of it is looked at before another connection's bytes take its place.
    #[inline]
    pub(crate) fn about_to_read(&self) {
        if self.phase.get() == Phase::ReadingHead {
            let mut scan = self.scan.borrow_mut();
            if scan.is_none() {
                self.suspect.set(true);
                *scan = Some(self.registry.last_read.scan(self.info.id()));
            }
        }
    }

    /// Bytes have arrived.
    #[inline]
    pub(crate) fn received(&self, bytes: &[u8]) {
        match self.phase.get() {
            Phase::Idle if self.inbound.get() == Expected::Unsure => {}
            // A body that is read on behind its response shows that there is somebody.
            Phase::Idle if self.inbound.get() == Expected::Body => self.enter(Phase::Idle),
            Phase::Fresh | Phase::Idle => {
                self.enter(Phase::ReadingHead);
                if bytes.len() <= LastRead::LIMIT {
                    self.suspect.set(has_bare_line_feed(bytes));
                    self.registry.last_read.keep(self.info.id(), bytes);
                } else {
                    // Most of it is a body, which is not worth a copy.
                    let mut scan = HeadScan::default();
                    scan.feed(bytes);
                    self.suspect.set(true);
                    *self.scan.borrow_mut() = Some(scan);
                }
            }
            Phase::ReadingHead => {
                if let Some(scan) = &mut *self.scan.borrow_mut() {
                    scan.feed(bytes);
                }
            }
            _ => {}
        }
    }

    /// Whether the header section just received could be read in two ways. `chunked` says that its body is.
    #[inline]
    pub(crate) fn head_is_doubtful(&self, chunked: bool) -> bool {
        (chunked || self.suspect.get()) && {
            let doubtful = |scan: &HeadScan| scan.is_ambiguous() || scan.has_bare_line_feed();
            match &*self.scan.borrow() {
                Some(scan) => doubtful(scan),
                None => doubtful(&self.registry.last_read.scan(self.info.id())),
            }
        }
    }

    /// The peer will send no more.
    pub(crate) fn peer_finished(&self) {
        self.peer_done.set(true);
    }

    /// The service is about to be called with a body of its own, if there is one.
    #[inline]
    pub(crate) fn begin(&self, body_expected: bool) -> Option<Arc<Inbound>> {
        self.enter(Phase::InFlight);
        let mut scan = self.scan.borrow_mut();
        if scan.is_some() {
            *scan = None;
        }
        self.inbound.set(if body_expected { Expected::Body } else { Expected::Head });
        body_expected.then(|| Arc::clone(&self.inbound))
    }

    /// The service will not see this request, whose header section counts as unfinished business.
    pub(crate) fn refuse(&self) {
        self.enter(Phase::ReadingHead);
    }

    /// Whether what is written now answers a request that the service has not seen.
    #[inline]
    pub(crate) fn is_refusing(&self) -> bool {
        matches!(self.phase.get(), Phase::Fresh | Phase::Idle | Phase::ReadingHead)
    }

    /// The response body is complete or given up.
    #[inline]
    pub(crate) fn responded(&self) {
        if self.phase.get() == Phase::InFlight {
            self.phase.set(Phase::Finishing);
        }
    }

    /// All that was buffered has been handed to the socket.
    #[inline]
    pub(crate) fn flushed(&self) {
        self.stalled.set(None);
        if self.phase.get() == Phase::Finishing {
            self.enter(Phase::Idle);
        }
    }

    /// The socket takes no bytes.
    pub(crate) fn write_stalled(&self) {
        if self.stalled.get().is_none() {
            self.stalled.set(Some(self.registry.now()));
        }
    }

    /// The socket has taken some bytes.
    #[inline]
    pub(crate) fn write_progressed(&self) {
        self.stalled.set(None);
    }

    /// An application error: end the connection as soon as what it had sent is on its way.
    pub(crate) fn fail(&self) {
        self.failing.set(true);
    }

    #[inline]
    pub(crate) fn is_failing(&self) -> bool {
        self.failing.get()
    }

    /// Whether the peer may still be sending, so that closing at once could destroy our response.
    pub(crate) fn peer_may_send(&self) -> bool {
        let unread = self.inbound.get() != Expected::Head || self.phase.get() == Phase::ReadingHead;
        unread && !self.peer_done.get()
    }

    #[inline]
    pub(crate) fn verdict(&self) -> Verdict {
        self.verdict.get()
    }

    /// Decides at least `verdict`, and has the connection's task act on it.
    pub(crate) fn decide(&self, verdict: Verdict) {
        if verdict > self.verdict.get() {
            self.verdict.set(verdict);
            self.wake();
        }
    }

    /// Whether the response being made is the last one.
    #[inline]
    pub(crate) fn is_closing(&self) -> bool {
        self.verdict.get() != Verdict::Keep || self.registry.is_draining()
    }

    /// Tells the connection's task that its peer has run out of time.
    pub(crate) fn expire(&self) {
        if !self.expired.replace(true) {
            self.wake();
        }
    }

    #[inline]
    pub(crate) fn is_expired(&self) -> bool {
        self.expired.get()
    }

    /// Withdraws an expiry that the peer has just escaped.
    pub(crate) fn reprieve(&self) {
        self.expired.set(false);
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake_by_ref();
            self.waker.set(Some(waker));
        }
    }

    /// Keeps the waker of the connection's task, which is the same for the whole life of the task.
    pub(crate) fn set_waker(&self, waker: &Waker) {
        self.waker.set(Some(waker.clone()));
    }
}
