//! What a run is to do: a JSON document.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, de};

use super::check::Check;

/// A run. Text that stands for bytes has one character, below U+0100, for each byte.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The server.
    pub address: SocketAddr,
    /// Connections at the same time.
    pub connections: usize,
    /// How long answers are counted.
    pub seconds: f64,
    /// How long the same load runs before that.
    #[serde(default)]
    pub warm: f64,
    /// Wait in the kernel when there is nothing to do. Otherwise the thread never sleeps: on loopback a server pays for
    /// waking its client, which over a network it does not.
    #[serde(default)]
    pub sleep: bool,
    /// Requests that are sent before the first answer is awaited.
    #[serde(default = "one")]
    pub pipeline: usize,
    /// Requests a second, sent whether or not earlier ones have been answered. Latency counts from the time at which
    /// a request should have been sent. Without it a connection sends its next request after the answer.
    pub rate: Option<f64>,
    /// The connection is replaced after so many requests.
    pub reconnect_after: Option<u64>,
    /// Every connection ends after so many requests; `seconds` is then only the limit.
    pub each: Option<u64>,
    /// The cases are messages on a WebSocket at this path.
    pub websocket: Option<String>,
    /// Processes whose CPU time is read.
    #[serde(default)]
    pub watch: Vec<i32>,
    /// Sent in turn; every connection begins at another one.
    pub cases: Vec<Case>,
}

/// A request, or a message on a WebSocket, and the answers that are right.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// All bytes of the request, or the text of the message.
    #[serde(deserialize_with = "bytes")]
    pub request: Vec<u8>,
    /// The status.
    #[serde(default = "ok")]
    pub status: u16,
    /// The answer has to be compressed with gzip, or must not be; without it the body is compared as it is sent.
    #[serde(default)]
    pub gzip: Option<bool>,
    /// The body.
    pub check: Check,
}

fn one() -> usize {
    1
}

fn ok() -> u16 {
    200
}

/// Text with one character for each byte.
pub(super) fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.chars().map(|character| u8::try_from(u32::from(character)).map_err(de::Error::custom)).collect()
}
