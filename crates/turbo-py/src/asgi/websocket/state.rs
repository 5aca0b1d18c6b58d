//! One WebSocket, as the app, the handshake and the connection's pump share it.

use std::collections::VecDeque;
use std::task::Waker;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use pyo3::prelude::*;
use turbo_middleware::concurrency_limit::Permit;

use super::super::http::{HIGH_WATER, LOW_WATER};

/// Close codes of RFC 6455 7.4.1 and the registry behind it that the bridge itself uses.
pub(crate) mod code {
    pub(crate) const NORMAL: u16 = 1000;
    pub(crate) const NO_STATUS: u16 = 1005;
    pub(crate) const ABNORMAL: u16 = 1006;
    pub(crate) const INTERNAL_ERROR: u16 = 1011;
    pub(crate) const SERVICE_RESTART: u16 = 1012;
}

/// How far the exchange is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    /// The app has not decided yet.
    Connecting,
    /// The app answers with an HTTP response of its own.
    Denying,
    /// Accepted; messages flow.
    Open,
    /// A close frame, a rejection or a denial is sent, or the client is gone.
    Closed,
}

/// What `receive` tells the app.
#[derive(Clone, Debug)]
pub(crate) enum Incoming {
    Connect,
    Text(String),
    Bytes(Bytes),
    /// `reason` is absent when the connection was lost without a closing handshake.
    Disconnect {
        code: u16,
        reason: Option<String>,
    },
}

/// What the pump writes.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Text(String),
    Bytes(Bytes),
    Close { code: u16, reason: String },
}

impl Outgoing {
    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(data) => data.len(),
            Self::Close { .. } => 0,
        }
    }
}

/// How the handshake is answered.
pub(crate) enum Answer {
    Accept { headers: HeaderMap, subprotocol: Option<String> },
    Deny { status: StatusCode, headers: HeaderMap, body: Bytes },
}

/// The shared state of one WebSocket.
pub(crate) struct State {
    pub(crate) phase: Phase,
    /// The client cannot be reached any more: `send` raises.
    pub(crate) gone: bool,
    /// It went in order, with a close frame.
    pub(crate) closed_by_peer: bool,
    incoming: VecDeque<Incoming>,
    ended: Option<Incoming>,
    outgoing: VecDeque<Outgoing>,
    queued: usize,
    answer: Option<Answer>,
    /// The handshake's place among the requests that wait for the app.
    pub(crate) permit: Option<Permit>,
    pub(crate) denial: Option<(StatusCode, HeaderMap, Vec<u8>)>,
    handshake: Option<Waker>,
    pump: Option<Waker>,
    pub(crate) receivers: Vec<Py<PyAny>>,
    pub(crate) senders: Vec<Py<PyAny>>,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            phase: Phase::Connecting,
            gone: false,
            closed_by_peer: false,
            incoming: VecDeque::from([Incoming::Connect]),
            ended: None,
            outgoing: VecDeque::new(),
            queued: 0,
            answer: None,
            permit: None,
            denial: None,
            handshake: None,
            pump: None,
            receivers: Vec::new(),
            senders: Vec::new(),
        }
    }

    /// The next message for the app.
    pub(crate) fn receive(&mut self) -> Option<Incoming> {
        let next = self.incoming.pop_front();
        if let Some(Incoming::Disconnect { .. }) = &next {
            self.ended.clone_from(&next);
        }
        // An app that asks again is told again: nothing else will ever come.
        next.or_else(|| self.ended.clone())
    }

    /// A message or the end; the caller resolves the receivers.
    pub(crate) fn deliver(&mut self, incoming: Incoming) -> Vec<Py<PyAny>> {
        self.incoming.push_back(incoming);
        std::mem::take(&mut self.receivers)
    }

    /// Whether the pump should read: one message at a time, as uvicorn pauses its transport.
    /// Once a close frame is sent reading goes on, so that the peer's reply is seen.
    pub(crate) fn wants_input(&self) -> bool {
        self.incoming.is_empty() || self.phase == Phase::Closed
    }

    pub(crate) fn answer(&mut self, answer: Answer) -> Option<Waker> {
        self.phase = match answer {
            Answer::Accept { .. } => Phase::Open,
            Answer::Deny { .. } => Phase::Closed,
        };
        self.answer = Some(answer);
        self.permit = None;
        self.handshake.take()
    }

    pub(crate) fn take_answer(&mut self) -> Option<Answer> {
        self.answer.take()
    }

    pub(crate) fn watch_handshake(&mut self, waker: &Waker) {
        self.handshake = Some(waker.clone());
    }

    pub(crate) fn queue(&mut self, outgoing: Outgoing) -> Option<Waker> {
        self.queued += outgoing.len();
        self.outgoing.push_back(outgoing);
        self.pump.take()
    }

    /// The next frame to write; relieved senders come with it.
    pub(crate) fn take_outgoing(&mut self) -> Option<Outgoing> {
        let outgoing = self.outgoing.pop_front()?;
        self.queued -= outgoing.len();
        Some(outgoing)
    }

    pub(crate) fn relieved_senders(&mut self) -> Vec<Py<PyAny>> {
        if self.is_relieved() { std::mem::take(&mut self.senders) } else { Vec::new() }
    }

    pub(crate) fn watch_pump(&mut self, waker: &Waker) {
        match self.pump.as_mut() {
            Some(current) => current.clone_from(waker),
            None => self.pump = Some(waker.clone()),
        }
    }

    pub(crate) fn take_pump(&mut self) -> Option<Waker> {
        self.pump.take()
    }

    pub(crate) fn is_congested(&self) -> bool {
        self.queued > HIGH_WATER && !self.gone
    }

    pub(crate) fn is_relieved(&self) -> bool {
        self.queued <= LOW_WATER || self.gone
    }

    /// The client is out of reach; everybody who waits is handed back for resolving.
    pub(crate) fn lose(&mut self) -> Vec<Py<PyAny>> {
        self.gone = true;
        self.phase = Phase::Closed;
        self.outgoing.clear();
        self.queued = 0;
        let mut waiters = std::mem::take(&mut self.receivers);
        waiters.append(&mut self.senders);
        waiters
    }
}
