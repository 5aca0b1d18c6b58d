//! The socket as hyper sees it: every read and write also moves the connection's phase on.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::config::Refusal;
use crate::connection::State;
use crate::refused;
use crate::stream::Stream;

/// A response of at most this many bytes leaves as one buffer: up to here the copy costs less than handing the
/// kernel a list of buffers does (a fifth of a microsecond on Linux).
const GATHERED_BYTES: usize = 4096;

pub(crate) struct Transport {
    stream: Stream,
    state: Rc<State>,
    /// What is left to write of a refusal.
    refusal: Option<Bytes>,
}

impl Transport {
    pub(crate) fn new(stream: Stream, state: Rc<State>) -> Self {
        Self { stream, state, refusal: None }
    }

    pub(crate) fn into_stream(self) -> Stream {
        self.stream
    }

    /// Writes the configured refusal in place of `original`, which is what hyper or the service adapter has to say.
    #[cold]
    fn poll_refuse(
        &mut self,
        refusal: &Refusal,
        original: &[u8],
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = self.refusal.get_or_insert_with(|| refused::replace(original, refusal));
        while !rest.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            rest.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn written(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(Ok(_)) => self.state.write_progressed(),
            Poll::Pending => self.state.write_stalled(),
            Poll::Ready(Err(_)) => {}
        }
        result
    }
}

impl AsyncRead for Transport {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.state.about_to_read();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        let bytes = &buf.filled()[before..];
        if bytes.is_empty() {
            this.state.peer_finished();
        } else {
            this.state.received(bytes);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Transport {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.state.is_refusing()
            && let Some(refusal) = &Rc::clone(&this.state.registry).refusal
        {
            ready!(this.poll_refuse(refusal, buf, cx))?;
            return Poll::Ready(Ok(buf.len()));
        }
        let result = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.written(result)
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.state.is_refusing() {
            // It has no body, so it is one piece.
            let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
            return self.poll_write(cx, first);
        }
        let this = self.get_mut();
        let result = if bufs.iter().map(|buf| buf.len()).sum::<usize>() <= GATHERED_BYTES {
            this.state.registry.gathered(bufs, |all| Pin::new(&mut this.stream).poll_write(cx, all))
        } else {
            Pin::new(&mut this.stream).poll_write_vectored(cx, bufs)
        };
        this.written(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper calls this when its own buffer is empty, so it marks the end of a response; and it is the place
    /// where a failed one is cut off, behind all that was produced of it.
    #[inline]
    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.state.is_failing() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        self.state.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
