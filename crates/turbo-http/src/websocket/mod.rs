//! WebSocket servers: the opening handshake of RFC 6455 and the message stream after it.
//!
//! A service looks at a request with [`is_upgrade`], checks it with [`Handshake::from_request`], and
//! answers with the response of [`Handshake::accept`]. The [`Upgrade`] that comes with it completes
//! with a [`WebSocket`] once that response is sent. Frames, masking, fragments, UTF-8 checks and the
//! closing handshake are tungstenite's. Compression (RFC 7692) is not offered: tungstenite has none.

mod handshake;
mod socket;
#[cfg(test)]
mod tests;

pub use handshake::{Handshake, HandshakeError, Upgrade, is_upgrade};
pub use socket::WebSocket;
pub use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
pub use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
pub use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message};
