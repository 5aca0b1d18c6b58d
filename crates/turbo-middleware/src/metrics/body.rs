use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::recorder::Recorder;

pin_project! {
    /// A body whose bytes are counted as they pass.
    #[derive(Debug)]
    pub struct CountedBody<B> {
        #[pin]
        inner: B,
        recorder: Option<Recorder>,
        direction: Direction,
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Direction {
    In,
    Out,
}

impl<B> CountedBody<B> {
    /// A body that nobody counts.
    pub fn uncounted(inner: B) -> Self {
        Self { inner, recorder: None, direction: Direction::In }
    }

    pub(super) fn new(inner: B, recorder: Option<Recorder>, direction: Direction) -> Self {
        Self { inner, recorder, direction }
    }
}

impl<B: Body> Body for CountedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = this.inner.poll_frame(cx);
        if let (Poll::Ready(Some(Ok(frame))), Some(recorder)) = (&frame, this.recorder)
            && let Some(data) = frame.data_ref()
        {
            match this.direction {
                Direction::In => recorder.received(data.remaining()),
                Direction::Out => recorder.sent(data.remaining()),
            }
        }
        frame
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
