//! The stream of messages.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_sink::Sink;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::{Message, WebSocketError};
use crate::upgrade::Upgraded;

/// An open WebSocket: a [`Stream`] and a [`Sink`] of [`Message`]s.
///
/// Pings are answered and close frames echoed while the stream is polled and the sink flushed. A close
/// frame of the peer comes as [`Message::Close`]; after the closing handshake the stream ends.
#[derive(Debug)]
pub struct WebSocket {
    inner: WebSocketStream<Upgraded>,
}

impl WebSocket {
    pub(super) async fn new(socket: Upgraded, max_message_size: Option<usize>) -> Self {
        let config = WebSocketConfig::default()
            .max_message_size(max_message_size)
            .max_frame_size(max_message_size)
            // The library's own 128 KiB a connection is for few and busy ones.
            .read_buffer_size(8 * 1024);
        Self { inner: WebSocketStream::from_raw_socket(socket, Role::Server, Some(config)).await }
    }
}

impl Stream for WebSocket {
    type Item = Result<Message, WebSocketError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.inner).poll_next(cx)
    }
}

impl Sink<Message> for WebSocket {
    type Error = WebSocketError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        Pin::new(&mut self.inner).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), WebSocketError> {
        Pin::new(&mut self.inner).start_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), WebSocketError>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}
