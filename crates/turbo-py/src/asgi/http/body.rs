//! Reading a request body, or what nobody wants of it.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::Body;
use turbo_middleware::body_limit::LimitError;

use super::state::HIGH_WATER;

/// The body of a request behind the engine's layers, if there are any.
pub(crate) type RequestBody = turbo_middleware::stack::StackedBody<turbo_http::RequestBody>;

/// What reading a request body came to.
pub(crate) enum Gathered {
    /// The body is complete.
    Ended,
    /// More will come; the waker is registered unless enough was read.
    Open,
    /// The peer is gone.
    Lost,
    /// The peer sent what is no body (RFC 9112 7.1).
    Malformed,
    /// It is larger than the engine's limit, which answers for it.
    TooLarge,
}

impl Gathered {
    fn failed(error: &LimitError<turbo_http::Error>) -> Self {
        match error {
            LimitError::TooLarge => Self::TooLarge,
            LimitError::Inner(error) if error.is_disconnected() => Self::Lost,
            LimitError::Inner(_) => Self::Malformed,
        }
    }
}

/// Reads what has arrived of `body`, up to the high-water mark, into `data`.
pub(crate) fn gather(body: &mut RequestBody, data: &mut Bytes, cx: &mut Context<'_>) -> Gathered {
    let mut more: Option<BytesMut> = None;
    let outcome = loop {
        if body.is_end_stream() {
            break Gathered::Ended;
        }
        if data.len() + more.as_ref().map_or(0, BytesMut::len) >= HIGH_WATER {
            break Gathered::Open;
        }
        match std::pin::Pin::new(&mut *body).poll_frame(cx) {
            Poll::Pending => break Gathered::Open,
            Poll::Ready(None) => break Gathered::Ended,
            Poll::Ready(Some(Err(error))) => break Gathered::failed(&error),
            Poll::Ready(Some(Ok(frame))) => {
                let Ok(piece) = frame.into_data() else { continue };
                if data.is_empty() && more.is_none() {
                    *data = piece;
                } else {
                    more.get_or_insert_with(|| BytesMut::from(&data[..])).extend_from_slice(&piece);
                    data.clear();
                }
            }
        }
    };
    if let Some(more) = more {
        *data = more.freeze();
    }
    outcome
}

/// A request body as it is read to its end.
#[derive(Default)]
pub(crate) struct Collected {
    first: Bytes,
    more: BytesMut,
}

impl Collected {
    /// Reads what has arrived.
    pub(crate) fn gather(&mut self, body: &mut RequestBody, cx: &mut Context<'_>) -> Gathered {
        loop {
            match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Pending => return Gathered::Open,
                Poll::Ready(None) => return Gathered::Ended,
                Poll::Ready(Some(Err(error))) => return Gathered::failed(&error),
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(piece) = frame.into_data() else { continue };
                    self.append(piece);
                    if body.is_end_stream() {
                        return Gathered::Ended;
                    }
                }
            }
        }
    }

    fn append(&mut self, piece: Bytes) {
        if self.first.is_empty() && self.more.is_empty() {
            self.first = piece;
            return;
        }
        if self.more.is_empty() {
            self.more.extend_from_slice(&self.first);
        }
        self.more.extend_from_slice(&piece);
    }

    /// What was read, leaving nothing; one piece is handed on without a copy.
    pub(crate) fn take(&mut self) -> Bytes {
        let first = std::mem::take(&mut self.first);
        if self.more.is_empty() { first } else { std::mem::take(&mut self.more).freeze() }
    }
}

/// Reads on to the end of a body whose request is answered, so that the connection can go on to the
/// next one, as uvicorn does. A client that is slow about it runs into the connection's time-outs.
pub(crate) async fn discard(mut body: RequestBody) {
    while let Some(Ok(_)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {}
}
