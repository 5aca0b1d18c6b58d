//! WebSocket: the handshake's answer, the app's two callables, and the pump between them and the
//! wire. The protocol itself (RFC 6455) is tungstenite's, behind `turbo_http::websocket`.

mod awaiting;
mod pump;
mod session;
mod state;

pub(crate) use self::pump::pump;
pub(crate) use self::session::{ClientDisconnected, WebSocketSession};
pub(crate) use self::state::Answer;
