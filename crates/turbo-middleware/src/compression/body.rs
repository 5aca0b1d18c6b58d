use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::encoder::Encoder;
use crate::BoxError;

/// Most bytes that are compressed at a time, so that one large body does not keep the thread.
const SLICE: usize = 64 * 1024;

pin_project! {
    /// A response body, compressed or as it is.
    pub struct ResponseBody<C>
    where
        C: Body,
    {
        #[pin]
        inner: C,
        // Boxed for being rare: it would be most of what every response moves.
        packing: Option<Box<Packing<C::Data>>>,
    }
}

struct Packing<D> {
    /// Until the end of the body.
    encoder: Option<Encoder>,
    /// What has been read and not compressed.
    data: Option<D>,
    /// Something has gone into the encoder and was not brought out.
    unflushed: bool,
    /// The trailers of the body, for behind its last data.
    trailers: Option<HeaderMap>,
}

impl<C: Body> ResponseBody<C> {
    pub(super) fn plain(inner: C) -> Self {
        Self { inner, packing: None }
    }

    pub(super) fn compressed(inner: C, encoder: Encoder) -> Self {
        let packing = Packing { encoder: Some(encoder), data: None, unflushed: false, trailers: None };
        Self { inner, packing: Some(Box::new(packing)) }
    }
}

impl<C> Body for ResponseBody<C>
where
    C: Body,
    C::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        match this.packing {
            Some(packing) => packing.poll(this.inner, cx),
            None => this
                .inner
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map(to_bytes).map_err(Into::into))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.packing {
            Some(packing) => packing.encoder.is_none() && packing.trailers.is_none(),
            None => self.inner.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        if self.packing.is_some() { SizeHint::default() } else { self.inner.size_hint() }
    }
}

impl<D: Buf> Packing<D> {
    fn poll<C>(
        &mut self,
        mut body: Pin<&mut C>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>>
    where
        C: Body<Data = D>,
        C::Error: Into<BoxError>,
    {
        loop {
            if self.encoder.is_none() {
                return Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))));
            }
            if self.data.is_none() {
                match body.as_mut().poll_frame(cx) {
                    Poll::Pending if self.unflushed => {
                        self.unflushed = false;
                        match self.flushed() {
                            Ok(output) if output.is_empty() => return Poll::Pending,
                            output => return Poll::Ready(Some(output.map(Frame::data).map_err(Into::into))),
                        }
                    }
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(None) => return Poll::Ready(self.finish()),
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
                    Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                        Ok(data) => self.data = Some(data),
                        Err(frame) => {
                            self.trailers = frame.into_trailers().ok();
                            return Poll::Ready(self.finish());
                        }
                    },
                }
            }
            match self.compress() {
                Ok(output) if output.is_empty() => {}
                output => return Poll::Ready(Some(output.map(Frame::data).map_err(Into::into))),
            }
        }
    }

    /// Compresses a slice of what has been read; what comes out may be nothing.
    fn compress(&mut self) -> io::Result<Bytes> {
        let (Some(encoder), Some(data)) = (&mut self.encoder, &mut self.data) else {
            return Ok(Bytes::new());
        };
        let mut left = SLICE;
        while left > 0 && data.has_remaining() {
            let chunk = data.chunk();
            let length = chunk.len().min(left);
            encoder.write(&chunk[..length])?;
            data.advance(length);
            left -= length;
            self.unflushed = true;
        }
        if !data.has_remaining() {
            self.data = None;
        }
        Ok(encoder.take())
    }

    fn flushed(&mut self) -> io::Result<Bytes> {
        let Some(encoder) = &mut self.encoder else { return Ok(Bytes::new()) };
        encoder.flush()?;
        Ok(encoder.take())
    }

    fn finish(&mut self) -> Option<Result<Frame<Bytes>, BoxError>> {
        let output = self.encoder.take()?.finish();
        Some(output.map(Frame::data).map_err(Into::into))
    }
}

fn to_bytes<D: Buf>(frame: Frame<D>) -> Frame<Bytes> {
    frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))
}

impl<C: Body + fmt::Debug> fmt::Debug for ResponseBody<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ResponseBody")
            .field("inner", &self.inner)
            .field("compressed", &self.packing.is_some())
            .finish()
    }
}
