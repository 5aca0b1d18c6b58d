//! Handing a connection over to another protocol (RFC 9110 section 7.8).
//!
//! A request that asks for an upgrade carries an [`OnUpgrade`] in its extensions. A service that agrees takes
//! it, answers with `101 Switching Protocols`, and awaits it for the socket.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::Request;
use socket2::SockRef;
use std::net::Shutdown;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use crate::error::Error;
use crate::stream::Stream;

/// Completes with the socket once the `101` response has been sent.
///
/// It is an error when the service answers otherwise, or when the connection ends first.
#[derive(Clone, Debug)]
pub struct OnUpgrade {
    receiver: Arc<Mutex<oneshot::Receiver<Upgraded>>>,
}

impl OnUpgrade {
    /// Takes the upgrade out of a request, if the request asks for one.
    pub fn take<B>(request: &mut Request<B>) -> Option<Self> {
        request.extensions_mut().remove()
    }

    pub(crate) fn channel() -> (oneshot::Sender<Upgraded>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self { receiver: Arc::new(Mutex::new(receiver)) })
    }
}

impl Future for OnUpgrade {
    type Output = Result<Upgraded, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        Pin::new(&mut *receiver).poll(cx).map_err(|_| Error::NotUpgraded)
    }
}

/// A connection that no longer speaks HTTP: the socket, and first what was read from it already.
///
/// It still counts as a connection of its server: shutdown waits for it, and
/// [`ShutdownHandle::close`](crate::ShutdownHandle::close) and [`Connection::abort`](crate::Connection::abort) end it.
#[derive(Debug)]
pub struct Upgraded {
    stream: Arc<Stream>,
    read_ahead: Bytes,
    /// Tells the connection's task, by being dropped, that the socket is no longer used.
    _in_use: oneshot::Sender<()>,
}

impl Upgraded {
    /// The socket for its new user, and what the connection's task keeps of it.
    pub(crate) fn split(stream: Stream, read_ahead: Bytes) -> (Self, Remnant) {
        let stream = Arc::new(stream);
        let (in_use, done) = oneshot::channel();
        let remnant = Remnant { stream: Arc::clone(&stream), done };
        (Self { stream, read_ahead, _in_use: in_use }, remnant)
    }
}

/// The connection task's hold on an upgraded socket.
pub(crate) struct Remnant {
    stream: Arc<Stream>,
    done: oneshot::Receiver<()>,
}

impl Remnant {
    /// Completes when the new user has dropped the socket.
    pub(crate) fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.done).poll(cx).map(|_| ())
    }

    /// Ends both directions under the new user's feet; reads and writes complete, with end of file or an error.
    pub(crate) fn abort(&self) {
        // An error means that the socket is not connected any more, which is what was wanted.
        let _ = SockRef::from(&*self.stream).shutdown(Shutdown::Both);
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.read_ahead.is_empty() {
            let length = this.read_ahead.len().min(buf.remaining());
            buf.put_slice(&this.read_ahead[..length]);
            this.read_ahead.advance(length);
            return Poll::Ready(Ok(()));
        }
        this.stream.poll_read_shared(cx, buf)
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_write_shared(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream.poll_write_shared(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match SockRef::from(&*self.stream).shutdown(Shutdown::Write) {
            Err(error) if error.kind() != io::ErrorKind::NotConnected => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl Stream {
    fn poll_read_shared(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let result = match self {
                Self::Tcp(stream) => {
                    ready!(stream.poll_read_ready(cx))?;
                    stream.try_read(buf.initialize_unfilled())
                }
                Self::Unix(stream) => {
                    ready!(stream.poll_read_ready(cx))?;
                    stream.try_read(buf.initialize_unfilled())
                }
            };
            match result {
                Ok(length) => {
                    buf.advance(length);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_write_shared(&self, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        loop {
            let result = match self {
                Self::Tcp(stream) => {
                    ready!(stream.poll_write_ready(cx))?;
                    stream.try_write_vectored(bufs)
                }
                Self::Unix(stream) => {
                    ready!(stream.poll_write_ready(cx))?;
                    stream.try_write_vectored(bufs)
                }
            };
            match result {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return Poll::Ready(other),
            }
        }
    }
}
