//! Bodies on their way through: the request's to the service, the response's to hyper.

use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;

use crate::connection::State;
use crate::error::Error;

/// The body of a request, read from the connection as it is polled.
///
/// Nothing is read ahead but what came in the same packets, so a body that is not polled holds the client
/// back. A client that sent `Expect: 100-continue` gets its `100 Continue` at the first poll, and not at all
/// when the response comes first (RFC 9110 section 10.1.1).
///
/// Dropping it unread is fine: a short rest is skipped, otherwise the connection is closed after the response.
#[derive(Debug)]
pub struct RequestBody {
    incoming: Incoming,
    /// Where to say how it ended; `None` when it has.
    inbound: Option<Arc<Inbound>>,
}

impl RequestBody {
    /// `inbound` is that of the connection, for a body that is not empty.
    #[inline]
    pub(crate) fn new(incoming: Incoming, inbound: Option<Arc<Inbound>>) -> Self {
        Self { incoming, inbound }
    }
}

impl Drop for RequestBody {
    #[inline]
    fn drop(&mut self) {
        if let Some(inbound) = self.inbound.take() {
            inbound.set(Expected::Unsure);
        }
    }
}

/// What the next bytes of a connection are. Shared with the body of a request, which may be on another thread.
#[derive(Debug, Default)]
pub(crate) struct Inbound(AtomicU8);

/// See [`Inbound`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The next header section.
    Head,
    /// More of a body, as long as there is more.
    Body,
    /// A body was given up: what hyper skips of it cannot be told from what follows.
    Unsure,
}

impl Inbound {
    #[inline]
    pub(crate) fn set(&self, expected: Expected) {
        self.0.store(expected as u8, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn get(&self) -> Expected {
        match self.0.load(Ordering::Relaxed) {
            0 => Expected::Head,
            1 => Expected::Body,
            _ => Expected::Unsure,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    #[inline]
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.incoming).poll_frame(cx));
        let complete = frame.is_none() || this.incoming.is_end_stream();
        if complete && let Some(inbound) = this.inbound.take() {
            inbound.set(Expected::Head);
        }
        Poll::Ready(frame.map(|result| result.map_err(Error::from_hyper)))
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

pin_project! {
    /// The body of a response, or none for the responses we make ourselves. Its end, or its drop, is the end of
    /// the request's phase. Its error is not passed to hyper, which would drop what it has buffered.
    pub(crate) struct ResponseBody<B> {
        #[pin]
        body: Option<B>,
        state: Rc<State>,
    }

    impl<B> PinnedDrop for ResponseBody<B> {
        fn drop(this: Pin<&mut Self>) {
            this.state.responded();
        }
    }
}

impl<B> ResponseBody<B> {
    #[inline]
    pub(crate) fn new(body: Option<B>, state: Rc<State>) -> Self {
        Self { body, state }
    }
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = Infallible;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Infallible>>> {
        let this = self.project();
        if this.state.is_failing() {
            return Poll::Pending;
        }
        let Some(body) = this.body.as_pin_mut() else { return Poll::Ready(None) };
        match body.poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(frame))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some(Err(_))) => {
                this.state.fail();
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
