//! What can go wrong with a connection, named by who is at fault.

use std::error::Error as StdError;
use std::fmt;
use std::io;

/// A boxed error of a service or of a response body.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a request body, or a connection taken over by an upgrade, ended early.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The peer closed or reset the connection before the message was complete.
    Disconnected(Option<BoxError>),
    /// The peer sent a body that is not framed as RFC 9112 section 7 asks for.
    Malformed(Option<BoxError>),
    /// The service did not answer with `101 Switching Protocols`, so there is nothing to take over.
    NotUpgraded,
}

impl Error {
    /// Whether the peer is gone (as opposed to having sent something wrong).
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected(_))
    }

    pub(crate) fn from_hyper(error: hyper::Error) -> Self {
        let mut source: Option<&(dyn StdError + 'static)> = Some(&error);
        while let Some(cause) = source {
            if let Some(io) = cause.downcast_ref::<io::Error>() {
                if matches!(io.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) {
                    return Self::Malformed(Some(error.into()));
                }
                break;
            }
            source = cause.source();
        }
        Self::Disconnected(Some(error.into()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disconnected(_) => "the peer closed the connection before the message was complete",
            Self::Malformed(_) => "the peer sent a malformed message body",
            Self::NotUpgraded => "the connection was not upgraded",
        })
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Disconnected(source) | Self::Malformed(source) => {
                source.as_deref().map(|error| error as &(dyn StdError + 'static))
            }
            Self::NotUpgraded => None,
        }
    }
}
