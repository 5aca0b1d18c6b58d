//! The socket as hyper sees it: every read and write also moves the connection's phase on.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connection::{Phase, State};
use crate::head::HeadScan;
use crate::stream::Stream;

/// What the socket wrapper and the service adapter share about the header section being read.
pub(crate) type SharedScan = Rc<RefCell<HeadScan>>;

pub(crate) struct Transport {
    stream: Stream,
    state: Rc<State>,
    scan: SharedScan,
}

impl Transport {
    pub(crate) fn new(stream: Stream, state: Rc<State>, scan: SharedScan) -> Self {
        Self { stream, state, scan }
    }

    pub(crate) fn into_stream(self) -> Stream {
        self.stream
    }

    #[inline]
    fn received(&self, bytes: &[u8]) {
        match self.state.phase() {
            Phase::Fresh | Phase::Idle => {
                self.state.received();
                let mut scan = self.scan.borrow_mut();
                scan.reset();
                scan.feed(bytes);
            }
            Phase::ReadingHead => self.scan.borrow_mut().feed(bytes),
            _ => {}
        }
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
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        let bytes = &buf.filled()[before..];
        if bytes.is_empty() {
            this.state.peer_finished();
        } else {
            this.received(bytes);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Transport {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.written(result)
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
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
