//! Listening sockets: TCP, Unix, and those inherited as file descriptors.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::stream::Stream;

/// One end of a connection, or what a listener is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An IP address and port.
    Tcp(SocketAddr),
    /// A Unix socket; `None` when it has no path, as the client's end usually has not.
    Unix(Option<PathBuf>),
}

impl Address {
    pub(crate) fn from_socket(address: &SockAddr) -> Self {
        match address.as_socket() {
            Some(tcp) => Self::Tcp(tcp),
            None => Self::Unix(address.as_pathname().map(Path::to_path_buf)),
        }
    }
}

impl fmt::Display for Address {
    /// `127.0.0.1:8000`, `[::1]:8000`, the path of a Unix socket, or `unix` when that has none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(Some(path)) => path.display().fmt(f),
            Self::Unix(None) => f.write_str("unix"),
        }
    }
}

/// How a listening socket is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenOptions {
    /// How many finished handshakes the kernel keeps for us (the kernel's own maximum applies too).
    pub backlog: u32,
    /// Lets several sockets share the address, the kernel spreading connections over them (`SO_REUSEPORT`).
    /// An error on a Unix socket and where the system does not have it.
    pub reuse_port: bool,
}

impl Default for ListenOptions {
    /// A backlog of 2048, as uvicorn has it, and an address of one's own.
    fn default() -> Self {
        Self { backlog: 2048, reuse_port: false }
    }
}

impl ListenOptions {
    fn backlog(&self) -> i32 {
        i32::try_from(self.backlog).unwrap_or(i32::MAX)
    }
}

/// A listening socket. `Send`, and not tied to a runtime until it is served.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
}

impl Listener {
    /// Listens on an IP address; port 0 picks a free one, which [`address`](Self::address) tells.
    pub fn tcp(address: SocketAddr, options: &ListenOptions) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if options.reuse_port {
            socket.set_reuse_port(true)?;
        }
        socket.bind(&address.into())?;
        Self::start(socket, options.backlog())
    }

    /// Listens on a Unix socket. A socket file that nobody listens on any more is replaced;
    /// one that is in use, or a file of another kind, is an error.
    pub fn unix(path: &Path, options: &ListenOptions) -> io::Result<Self> {
        if options.reuse_port {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "SO_REUSEPORT does not apply to Unix sockets",
            ));
        }
        match std::fs::symlink_metadata(path) {
            Ok(found) if found.file_type().is_socket() && UnixStream::connect(path).is_err() => {
                std::fs::remove_file(path)?;
            }
            Ok(_) => {
                return Err(io::Error::new(
                    io::ErrorKind::AddrInUse,
                    format!("{} is in use", path.display()),
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(path)?)?;
        Self::start(socket, options.backlog())
    }

    /// Takes over an inherited stream socket, TCP or Unix. One that is bound but not listening yet is put to
    /// listen; the descriptor becomes non-blocking, which other holders of the same socket see too.
    pub fn from_fd(fd: OwnedFd) -> io::Result<Self> {
        let socket = Socket::from(fd);
        let address = socket.local_addr()?;
        let supported = address.is_unix() || address.is_ipv4() || address.is_ipv6();
        if socket.r#type()? != Type::STREAM || !supported {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the file descriptor is not a TCP or Unix stream socket",
            ));
        }
        if socket.is_listener()? {
            socket.set_nonblocking(true)?;
            return Ok(Self { socket });
        }
        if socket.peer_addr().is_ok() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the file descriptor is a connected socket, not a listening one",
            ));
        }
        Self::start(socket, ListenOptions::default().backlog())
    }

    fn start(socket: Socket, backlog: i32) -> io::Result<Self> {
        socket.listen(backlog)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket })
    }

    /// A second handle on the same socket: both accept from one backlog.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { socket: self.socket.try_clone()? })
    }

    /// What the socket is bound to.
    pub fn address(&self) -> io::Result<Address> {
        Ok(Address::from_socket(&self.socket.local_addr()?))
    }

    /// Registers the socket with the runtime of the calling thread.
    pub(crate) fn into_acceptor(self) -> io::Result<Acceptor> {
        if self.socket.local_addr()?.is_unix() {
            let listener = std::os::unix::net::UnixListener::from(OwnedFd::from(self.socket));
            Ok(Acceptor::Unix(tokio::net::UnixListener::from_std(listener)?))
        } else {
            let listener = std::net::TcpListener::from(self.socket);
            Ok(Acceptor::Tcp(tokio::net::TcpListener::from_std(listener)?))
        }
    }
}

impl From<Listener> for OwnedFd {
    fn from(listener: Listener) -> Self {
        listener.socket.into()
    }
}

/// A [`Listener`] on a runtime.
pub(crate) enum Acceptor {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

impl Acceptor {
    /// The next connection and the address of its peer.
    pub(crate) async fn accept(&self) -> io::Result<(Stream, Address)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Stream::Tcp(stream), Address::Tcp(peer)))
            }
            Self::Unix(listener) => {
                let (stream, peer) = listener.accept().await?;
                let path = peer.as_pathname().map(Path::to_path_buf);
                Ok((Stream::Unix(stream), Address::Unix(path)))
            }
        }
    }
}
