//! One request and its response, as the engine and the app share them.
//!
//! Everything here is plain data behind a lock that is never held while Python runs.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use turbo_middleware::concurrency_limit::Permit;
use turbo_middleware::metrics::Route;

use super::body::{Gathered, RequestBody, gather};

/// Above this many bytes `await send()` waits, as uvicorn's flow control does.
pub(crate) const HIGH_WATER: usize = 64 * 1024;
/// Waiting senders go on below this.
pub(crate) const LOW_WATER: usize = 16 * 1024;

/// How the length of the response body is told to the client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Length {
    /// By `content-length`: this many bytes are still owed.
    Owed(u64),
    /// By chunked coding, or by closing for an HTTP/1.0 client.
    Open,
    /// There is no body: HEAD, 204, 304.
    None,
}

/// Status and headers of a response.
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

/// Why a part of a response was refused; the app gets it as a `RuntimeError`.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    TooLong,
    TooShort,
}

impl Refusal {
    pub(crate) fn message(&self) -> &'static str {
        match self {
            Self::TooLong => "Response content longer than Content-Length",
            Self::TooShort => "Response content shorter than Content-Length",
        }
    }
}

/// What is still to come of a request body.
pub(crate) enum Rest {
    Nothing,
    Open(RequestBody),
    /// The client went away in the middle of it.
    Lost,
}

/// What `receive` has for the app.
pub(crate) enum Received {
    Body {
        data: Bytes,
        more: bool,
    },
    Disconnect,
    /// As `Disconnect`: the body cannot be read on.
    Broken,
    Pending,
}

/// The shared state of one request.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, not the states of one machine")]
pub(crate) struct State {
    body: Option<RequestBody>,
    early: Option<Bytes>,
    body_told: bool,
    /// The body turned out malformed before the app had answered.
    pub(crate) body_malformed: bool,
    /// The client waits for `100 Continue`, which reading the body would send.
    pub(crate) expects_continue: bool,
    pub(crate) disconnected: bool,
    pub(crate) started: bool,
    pub(crate) complete: bool,
    pub(crate) finished: bool,
    pub(crate) close_connection: bool,
    pub(crate) head: Option<Head>,
    /// The request's place among those that wait for the app.
    pub(crate) permit: Option<Permit>,
    /// For the label of the metrics: the scope until there is an answer, and the route once it is known.
    pub(crate) scope: Option<Py<PyDict>>,
    pub(crate) route: Option<Route>,
    pub(crate) length: Length,
    is_head: bool,
    chunks: VecDeque<Bytes>,
    buffered: usize,
    aborted: bool,
    waker: Option<Waker>,
    pub(crate) receivers: Vec<Py<PyAny>>,
    pub(crate) senders: Vec<Py<PyAny>>,
}

impl State {
    pub(crate) fn new(rest: Rest, is_head: bool) -> Self {
        let disconnected = matches!(rest, Rest::Lost);
        let body = if let Rest::Open(body) = rest { Some(body) } else { None };
        Self {
            body,
            early: None,
            body_told: false,
            body_malformed: false,
            expects_continue: false,
            disconnected,
            started: false,
            complete: false,
            finished: false,
            close_connection: false,
            head: None,
            permit: None,
            scope: None,
            route: None,
            length: Length::Open,
            is_head,
            chunks: VecDeque::new(),
            buffered: 0,
            aborted: false,
            waker: None,
            receivers: Vec::new(),
            senders: Vec::new(),
        }
    }

    /// Bytes of the body that arrived before the app was called.
    pub(crate) fn prefetched(&mut self, data: Bytes) {
        self.early = Some(data);
    }

    /// The next thing `receive` tells; `waker` is woken when a pending body moves.
    pub(crate) fn receive(&mut self, waker: impl FnOnce() -> Waker) -> Received {
        if self.disconnected || self.complete {
            return Received::Disconnect;
        }
        if self.body_told || (self.expects_continue && self.head.is_some()) {
            return Received::Pending;
        }
        self.expects_continue = false;
        let mut data = self.early.take().unwrap_or_default();
        let Some(body) = self.body.as_mut() else {
            self.body_told = true;
            return Received::Body { data, more: false };
        };
        let waker = waker();
        let outcome = gather(body, &mut data, &mut Context::from_waker(&waker));
        match outcome {
            Gathered::Ended => {
                self.body = None;
                self.body_told = true;
                Received::Body { data, more: false }
            }
            Gathered::Open if data.is_empty() => Received::Pending,
            Gathered::Open => Received::Body { data, more: true },
            Gathered::Lost | Gathered::Malformed | Gathered::TooLarge => {
                self.body = None;
                self.body_malformed = matches!(outcome, Gathered::Malformed) && !self.started;
                self.disconnected = true;
                Received::Broken
            }
        }
    }

    /// The app began its response.
    pub(crate) fn start(&mut self, head: Head) {
        self.started = true;
        self.permit = None;
        self.length = if self.is_head || is_bodiless(head.status) {
            Length::None
        } else if is_chunked(&head.headers) {
            Length::Open
        } else {
            content_length(&head.headers).map_or(Length::Open, Length::Owed)
        };
        self.head = Some(head);
    }

    /// The app sent a part of the body; `more` follows.
    pub(crate) fn push(&mut self, data: Bytes, more: bool) -> Result<(), Refusal> {
        match &mut self.length {
            Length::None => {}
            Length::Open => self.queue(data),
            Length::Owed(owed) => {
                *owed = owed.checked_sub(data.len() as u64).ok_or(Refusal::TooLong)?;
                self.queue(data);
            }
        }
        if !more {
            if matches!(self.length, Length::Owed(owed) if owed > 0) {
                return Err(Refusal::TooShort);
            }
            self.complete = true;
        }
        Ok(())
    }

    /// What is left of the request body after the response is complete.
    pub(crate) fn take_unread(&mut self) -> Option<RequestBody> {
        let body = self.body.take()?;
        if self.expects_continue {
            // The client waits for a word that will not come; it may or may not send the body, so
            // the connection cannot be used again (RFC 9110 10.1.1).
            if let Some(head) = &mut self.head {
                head.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            return None;
        }
        Some(body)
    }

    fn queue(&mut self, data: Bytes) {
        if !data.is_empty() {
            self.buffered += data.len();
            self.chunks.push_back(data);
        }
    }

    /// The response cannot be finished: what is queued goes out, then the connection breaks.
    pub(crate) fn abort(&mut self) {
        if !self.complete {
            self.aborted = true;
        }
    }

    /// The client is gone.
    pub(crate) fn disconnect(&mut self) {
        self.disconnected = true;
        self.chunks.clear();
        self.buffered = 0;
        self.body = None;
    }

    /// Whether a sender has to wait for the client.
    pub(crate) fn is_congested(&self) -> bool {
        self.buffered > HIGH_WATER && !self.disconnected && !self.aborted
    }

    /// Whether a waiting sender may go on.
    pub(crate) fn is_relieved(&self) -> bool {
        self.buffered <= LOW_WATER || self.disconnected || self.aborted
    }

    pub(crate) fn watch(&mut self, waker: &Waker) {
        match self.waker.as_mut() {
            Some(current) => current.clone_from(waker),
            None => self.waker = Some(waker.clone()),
        }
    }

    pub(crate) fn take_waker(&mut self) -> Option<Waker> {
        self.waker.take()
    }

    /// The whole body when it is one piece and nothing more will come.
    pub(crate) fn take_whole(&mut self) -> Option<Bytes> {
        if !self.complete || self.chunks.len() > 1 {
            return None;
        }
        self.buffered = 0;
        Some(self.chunks.pop_front().unwrap_or_default())
    }

    /// The next part of a streamed body; `Err` breaks the connection.
    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Truncated>>> {
        if let Some(chunk) = self.chunks.pop_front() {
            self.buffered -= chunk.len();
            return Poll::Ready(Some(Ok(chunk)));
        }
        if self.complete {
            return Poll::Ready(None);
        }
        if self.aborted {
            return Poll::Ready(Some(Err(Truncated)));
        }
        self.watch(cx.waker());
        Poll::Pending
    }

    /// Whether the client has all it was promised. The app may still owe the word that it is done.
    pub(crate) fn is_drained(&self) -> bool {
        self.chunks.is_empty() && (self.complete || self.length == Length::Owed(0))
    }
}

/// The app failed after its response had begun.
#[derive(Debug)]
pub(crate) struct Truncated;

impl std::fmt::Display for Truncated {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the application failed after the response started")
    }
}

impl std::error::Error for Truncated {}

pub(crate) fn is_bodiless(status: StatusCode) -> bool {
    status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}

fn is_chunked(headers: &HeaderMap) -> bool {
    headers
        .get(header::TRANSFER_ENCODING)
        .is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    let value: &HeaderValue = headers.get(header::CONTENT_LENGTH)?;
    std::str::from_utf8(value.as_bytes()).ok()?.trim().parse().ok()
}
