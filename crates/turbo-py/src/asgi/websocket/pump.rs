//! Moves messages between the wire and one session.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, Stream};
use pyo3::prelude::*;
use tokio::time::{Instant, Sleep, sleep_until};
use turbo_http::websocket::{CloseFrame, Message, WebSocket, WebSocketError};

use super::super::options::WebSocketOptions;
use super::session::WebSocketSession;
use super::state::{Incoming, Outgoing, Phase, code};
use crate::reactor::{after_python, resolve_all};

/// How long the peer may take to answer a close frame; uvicorn's `close_timeout`.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs until the connection is over, then tells the session.
pub(crate) async fn pump(session: Py<WebSocketSession>, socket: WebSocket, options: WebSocketOptions) {
    let keepalive = Keepalive::new(&options);
    let mut pump = Pump { session, socket, keepalive, unflushed: false, closing: None, hurry: false };
    let (code, reason) = poll_fn(|cx| pump.poll(cx)).await;
    Python::attach(|py| pump.session.get().lost(py, code, reason));
}

struct Pump {
    session: Py<WebSocketSession>,
    socket: WebSocket,
    keepalive: Keepalive,
    unflushed: bool,
    /// Set once a close frame is on its way, by whichever side.
    closing: Option<Pin<Box<Sleep>>>,
    /// The close is not to be waited for: the server stops.
    hurry: bool,
}

/// How the connection ended, as `websocket.disconnect` tells it.
type End = (u16, Option<String>);

impl Pump {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        loop {
            self.session.get().lock().watch_pump(cx.waker());
            if let Some(end) = self.write(cx) {
                return Poll::Ready(end);
            }
            match self.read(cx) {
                Poll::Ready(Some(end)) => return Poll::Ready(end),
                Poll::Ready(None) => continue,
                Poll::Pending => {}
            }
            if self.keep_alive(cx) {
                continue;
            }
            if let Some(deadline) = &mut self.closing
                && (deadline.as_mut().poll(cx).is_ready() || (self.hurry && !self.unflushed))
            {
                return Poll::Ready((code::NO_STATUS, None));
            }
            return Poll::Pending;
        }
    }

    /// Writes what the app has queued; `Some` when the connection broke.
    fn write(&mut self, cx: &mut Context<'_>) -> Option<End> {
        loop {
            match Pin::new(&mut self.socket).poll_ready(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) if self.closing.is_some() => break,
                Poll::Ready(Err(_)) => return Some((code::NO_STATUS, None)),
                Poll::Pending => break,
            }
            let (outgoing, senders) = {
                let mut state = self.session.get().lock();
                (state.take_outgoing(), state.relieved_senders())
            };
            if !senders.is_empty() {
                Python::attach(|py| {
                    resolve_all(py, senders);
                    after_python(py);
                });
            }
            let Some(outgoing) = outgoing else { break };
            let message = match outgoing {
                Outgoing::Text(text) => Message::Text(text.into()),
                Outgoing::Bytes(data) => Message::Binary(data),
                Outgoing::Close { code, reason } => {
                    self.hurry = code == super::state::code::SERVICE_RESTART;
                    self.close_soon();
                    Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() }))
                }
            };
            if Pin::new(&mut self.socket).start_send(message).is_err() && self.closing.is_none() {
                return Some((code::NO_STATUS, None));
            }
            self.unflushed = true;
        }
        if self.unflushed {
            match Pin::new(&mut self.socket).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(_)) => return Some((code::NO_STATUS, None)),
                Poll::Pending => {}
            }
        }
        None
    }

    /// Reads one message if the app wants one; `Ready(None)` when there may be more.
    fn read(&mut self, cx: &mut Context<'_>) -> Poll<Option<End>> {
        if !self.session.get().lock().wants_input() {
            return Poll::Pending;
        }
        let Poll::Ready(next) = Pin::new(&mut self.socket).poll_next(cx) else {
            return Poll::Pending;
        };
        match next {
            Some(Ok(Message::Text(text))) => self.deliver(Incoming::Text(text.as_str().to_owned())),
            Some(Ok(Message::Binary(data))) => self.deliver(Incoming::Bytes(data)),
            Some(Ok(Message::Pong(payload))) => self.keepalive.answered(&payload),
            // tungstenite has queued the pong; flushing sends it.
            Some(Ok(Message::Ping(_) | Message::Frame(_))) => self.unflushed = true,
            Some(Ok(Message::Close(frame))) => {
                let (code, reason) = frame.map_or((code::NO_STATUS, String::new()), |frame| {
                    (frame.code.into(), frame.reason.as_str().to_owned())
                });
                self.peer_closed(code, reason);
            }
            Some(Err(error)) => match violation(&error) {
                Some(code) if self.closing.is_none() => self.refuse(code, &error.to_string()),
                _ => return Poll::Ready(Some((code::NO_STATUS, None))),
            },
            None => return Poll::Ready(Some((code::NO_STATUS, None))),
        }
        Poll::Ready(None)
    }

    fn deliver(&self, incoming: Incoming) {
        let session = self.session.get();
        let receivers = {
            let mut state = session.lock();
            if state.phase != Phase::Open {
                // The app is past `websocket.close`; the peer had not read it yet.
                return;
            }
            state.deliver(incoming)
        };
        Python::attach(|py| {
            resolve_all(py, receivers);
            after_python(py);
        });
    }

    /// The peer began the closing handshake; tungstenite echoes its frame.
    fn peer_closed(&mut self, code: u16, reason: String) {
        self.close_soon();
        self.unflushed = true;
        Python::attach(|py| self.session.get().lost(py, code, Some(reason)));
    }

    /// The peer broke the protocol: it gets a close frame, the app the same code.
    fn refuse(&mut self, code: u16, reason: &str) {
        let reason: String = reason
            .chars()
            .scan(0, |length, c| {
                *length += c.len_utf8();
                (*length <= 123).then_some(c)
            })
            .collect();
        let frame = CloseFrame { code: code.into(), reason: reason.clone().into() };
        // Failing to say why does not matter: the connection ends either way.
        let _ = Pin::new(&mut self.socket).start_send(Message::Close(Some(frame)));
        self.unflushed = true;
        self.hurry = true;
        self.close_soon();
        Python::attach(|py| self.session.get().lost(py, code, Some(reason)));
    }

    fn close_soon(&mut self) {
        if self.closing.is_none() {
            self.closing = Some(Box::pin(sleep_until(Instant::now() + CLOSE_TIMEOUT)));
        }
    }

    /// Sends pings and misses pongs; `true` when there is something to write.
    fn keep_alive(&mut self, cx: &mut Context<'_>) -> bool {
        if self.closing.is_some() {
            return false;
        }
        let reading = self.session.get().lock().wants_input();
        match self.keepalive.poll(cx, reading) {
            Poll::Pending => false,
            Poll::Ready(Due::Ping(payload)) => {
                let ping = Message::Ping(payload);
                self.unflushed |= Pin::new(&mut self.socket).start_send(ping).is_ok();
                true
            }
            Poll::Ready(Due::Missed) => {
                self.refuse(code::INTERNAL_ERROR, "keepalive ping timeout");
                true
            }
        }
    }
}

/// The close code for an error that is the peer's fault and can be told to it.
fn violation(error: &WebSocketError) -> Option<u16> {
    match error {
        WebSocketError::Capacity(_) => Some(1009),
        WebSocketError::Utf8(_) => Some(1007),
        WebSocketError::Protocol(turbo_http::websocket::ProtocolError::ResetWithoutClosingHandshake) => None,
        WebSocketError::Protocol(_) => Some(1002),
        _ => None,
    }
}

enum Due {
    Ping(Bytes),
    Missed,
}

/// Pings at intervals and the wait for their pongs.
struct Keepalive {
    interval: Option<Duration>,
    timeout: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
    awaited: Option<Bytes>,
    count: u32,
}

impl Keepalive {
    fn new(options: &WebSocketOptions) -> Self {
        let timer = options.ping_interval.map(|interval| Box::pin(tokio::time::sleep(interval)));
        Self {
            interval: options.ping_interval,
            timeout: options.ping_timeout,
            timer,
            awaited: None,
            count: 0,
        }
    }

    /// A pong came; only the one for the last ping counts.
    fn answered(&mut self, payload: &Bytes) {
        if self.awaited.as_ref() == Some(payload) {
            self.awaited = None;
            self.restart(self.interval);
        }
    }

    fn restart(&mut self, wait: Option<Duration>) {
        if let (Some(timer), Some(wait)) = (&mut self.timer, wait) {
            timer.as_mut().reset(Instant::now() + wait);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, reading: bool) -> Poll<Due> {
        let Some(timer) = &mut self.timer else { return Poll::Pending };
        if timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        if self.awaited.is_some() && self.timeout.is_some() {
            if reading {
                return Poll::Ready(Due::Missed);
            }
            // The pong may wait behind messages that the app has not taken: that is not the
            // peer's fault, so it gets another period.
            self.restart(self.timeout);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.count = self.count.wrapping_add(1);
        let payload = Bytes::copy_from_slice(&self.count.to_be_bytes());
        self.awaited = Some(payload.clone());
        self.restart(self.timeout.or(self.interval));
        Poll::Ready(Due::Ping(payload))
    }
}
