//! The server's side of the opening handshake (RFC 6455 section 4.2).

use std::fmt;

use http::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::WebSocket;
use crate::error::Error;
use crate::upgrade::OnUpgrade;

/// Whether the request asks for a WebSocket; other upgrades are to be ignored (RFC 9110 section 7.8).
#[must_use]
pub fn is_upgrade<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && headers.contains_key(UPGRADE)
        && has_token(headers, &UPGRADE, "websocket")
        && has_token(headers, &CONNECTION, "upgrade")
}

fn has_token(headers: &HeaderMap, name: &http::HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}

/// A request for a WebSocket that obeys the protocol, waiting for its answer.
#[derive(Debug)]
pub struct Handshake {
    accept_key: HeaderValue,
    subprotocols: Vec<String>,
    upgrade: OnUpgrade,
    max_message_size: Option<usize>,
}

impl Handshake {
    /// Checks the request and takes the connection's upgrade out of it.
    ///
    /// # Errors
    /// What the request lacks; [`HandshakeError::status`] says how to answer.
    pub fn from_request<B>(request: &mut Request<B>) -> Result<Self, HandshakeError> {
        let headers = request.headers();
        let mut versions = headers.get_all(SEC_WEBSOCKET_VERSION).iter();
        let version = versions.next().ok_or(HandshakeError::MissingVersion)?;
        if versions.next().is_some() {
            return Err(HandshakeError::RepeatedVersion);
        }
        if version.as_bytes() != b"13" {
            return Err(HandshakeError::UnsupportedVersion);
        }
        let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
        let key = keys.next().ok_or(HandshakeError::MissingKey)?;
        // 16 bytes in base64 (section 4.1): 22 significant characters and two of padding.
        if keys.next().is_some() || !is_base64_nonce(key.as_bytes()) {
            return Err(HandshakeError::InvalidKey);
        }
        let accept_key = HeaderValue::from_str(&derive_accept_key(key.as_bytes()))
            .map_err(|_| HandshakeError::InvalidKey)?;
        let subprotocols = headers
            .get_all(SEC_WEBSOCKET_PROTOCOL)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|name| name.trim().to_owned())
            .collect();
        let upgrade = OnUpgrade::take(request).ok_or(HandshakeError::NotUpgradable)?;
        Ok(Self { accept_key, subprotocols, upgrade, max_message_size: Some(16 * 1024 * 1024) })
    }

    /// The subprotocols the client offers, in its order of preference.
    #[must_use]
    pub fn subprotocols(&self) -> &[String] {
        &self.subprotocols
    }

    /// Limits the size of a message, in bytes; 16 MiB otherwise. A longer one is an error of the stream.
    #[must_use]
    pub fn max_message_size(mut self, limit: Option<usize>) -> Self {
        self.max_message_size = limit;
        self
    }

    /// The response that accepts the handshake, and the socket to come.
    ///
    /// `headers` are added to the response. A `subprotocol` that is no valid header value is left out,
    /// which the client takes as none.
    #[must_use]
    pub fn accept(self, headers: HeaderMap, subprotocol: Option<&str>) -> (Response<()>, Upgrade) {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let fields = response.headers_mut();
        fields.insert(UPGRADE, HeaderValue::from_static("websocket"));
        fields.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        fields.insert(SEC_WEBSOCKET_ACCEPT, self.accept_key);
        fields.extend(headers);
        if let Some(name) = subprotocol.and_then(|name| HeaderValue::from_str(name).ok()) {
            fields.insert(SEC_WEBSOCKET_PROTOCOL, name);
        }
        let upgrade = Upgrade { upgrade: self.upgrade, max_message_size: self.max_message_size };
        (response, upgrade)
    }
}

fn is_base64_nonce(key: &[u8]) -> bool {
    let [digits @ .., b'=', b'='] = key else { return false };
    digits.len() == 22
        && digits.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

/// A WebSocket that opens once the accepting response is sent.
#[derive(Debug)]
pub struct Upgrade {
    upgrade: OnUpgrade,
    max_message_size: Option<usize>,
}

impl Upgrade {
    /// Waits for the response to be sent.
    ///
    /// # Errors
    /// The connection ended first.
    pub async fn open(self) -> Result<WebSocket, Error> {
        let socket = self.upgrade.await?;
        Ok(WebSocket::new(socket, self.max_message_size).await)
    }
}

/// What is wrong with a request for a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// No `Sec-WebSocket-Key`.
    MissingKey,
    /// A `Sec-WebSocket-Key` that is not 16 bytes in base64, or several.
    InvalidKey,
    /// No `Sec-WebSocket-Version`.
    MissingVersion,
    /// Several `Sec-WebSocket-Version` fields.
    RepeatedVersion,
    /// Another version than 13.
    UnsupportedVersion,
    /// The connection cannot be upgraded.
    NotUpgradable,
}

impl HandshakeError {
    /// The status to answer with: 426 for a wrong version (section 4.4), 400 otherwise.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::UnsupportedVersion => StatusCode::UPGRADE_REQUIRED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    /// A sentence for the client.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::MissingKey => "The Sec-WebSocket-Key header is missing.",
            Self::InvalidKey => "The Sec-WebSocket-Key header is invalid.",
            Self::MissingVersion => "The Sec-WebSocket-Version header is missing.",
            Self::RepeatedVersion => "The Sec-WebSocket-Version header is repeated.",
            Self::UnsupportedVersion => "Only version 13 of the WebSocket protocol is supported.",
            Self::NotUpgradable => "This connection cannot be upgraded.",
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text())
    }
}

impl std::error::Error for HandshakeError {}
