use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// A request body that fails when it turns out too large.
    #[derive(Debug)]
    pub struct RequestBody<B> {
        #[pin]
        inner: B,
        counter: Option<Counter>,
    }
}

impl<B> RequestBody<B> {
    /// A body that may have any length.
    pub fn unlimited(inner: B) -> Self {
        Self { inner, counter: None }
    }

    /// A body of `limit` bytes at most; going over it is told to `excess`.
    pub(super) fn limited(inner: B, limit: u64, excess: Arc<Excess>) -> Self {
        Self { inner, counter: Some(Counter { left: limit, excess }) }
    }
}

#[derive(Debug)]
struct Counter {
    left: u64,
    excess: Arc<Excess>,
}

/// Whether a body has gone over its limit, for the future that answers. The body may be read on another task or
/// another thread.
#[derive(Debug, Default)]
pub(super) struct Excess(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    happened: bool,
    waker: Option<Waker>,
}

impl Excess {
    /// Whether it has happened; if not, `waker` is woken when it does.
    pub(super) fn poll(&self, waker: &Waker) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.happened && !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
        state.happened
    }

    fn tell(&self) {
        let waker = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.happened = true;
            state.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

impl<B: Body> Body for RequestBody<B> {
    type Data = B::Data;
    type Error = LimitError<B::Error>;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Self::Error>>> {
        let this = self.project();
        if this.counter.as_ref().is_some_and(|counter| counter.excess.happened()) {
            return Poll::Ready(Some(Err(LimitError::TooLarge)));
        }
        let frame = match ready!(this.inner.poll_frame(cx)) {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(LimitError::Inner(error)))),
            Some(Ok(frame)) => frame,
        };
        if let (Some(counter), Some(data)) = (this.counter, frame.data_ref()) {
            let Some(left) = counter.left.checked_sub(data.remaining() as u64) else {
                counter.excess.tell();
                return Poll::Ready(Some(Err(LimitError::TooLarge)));
            };
            counter.left = left;
        }
        Poll::Ready(Some(Ok(frame)))
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Excess {
    fn happened(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).happened
    }
}

/// Why a request body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitError<E> {
    /// It has more bytes than the limit allows.
    TooLarge,
    /// The body below failed.
    Inner(E),
}

impl<E: fmt::Display> fmt::Display for LimitError<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => formatter.write_str("the request body is too large"),
            Self::Inner(error) => error.fmt(formatter),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for LimitError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::TooLarge => None,
            Self::Inner(error) => error.source(),
        }
    }
}
