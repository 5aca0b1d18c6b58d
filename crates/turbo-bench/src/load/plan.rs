//! What a run is to do: a JSON document.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, de};

use super::check::Check;

/// A run. Text that stands for bytes has one character, below U+0100, for each byte.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The servers, which get the same load one after the other.
    pub servers: Vec<Server>,
    /// How often each of them has its turn.
    #[serde(default = "once")]
    pub turns: u32,
    /// Connections at the same time.
    pub connections: usize,
    /// How long the answers of each server are counted, in all of its turns together.
    pub seconds: f64,
    /// How long the same load runs before that in each turn.
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
    /// Every connection ends after so many requests; `seconds` is then only a limit.
    pub each: Option<u64>,
    /// The cases are messages on a WebSocket at this path.
    pub websocket: Option<String>,
    /// Sent in turn; every connection begins at another one.
    #[serde(default)]
    pub cases: Vec<Case>,
}

impl Plan {
    /// What is sent to a server.
    #[must_use]
    pub fn cases(&self, server: &'static Server) -> &[Case] {
        if server.cases.is_empty() { &self.cases } else { &server.cases }
    }

    /// What is wrong with it, if anything is.
    #[must_use]
    pub fn mistake(&'static self) -> Option<&'static str> {
        if self.servers.iter().any(|server| self.cases(server).is_empty()) {
            Some("every server needs cases")
        } else if self.connections == 0 || self.pipeline == 0 || self.turns == 0 {
            Some("a plan needs connections, turns and a pipeline of one or more")
        } else {
            None
        }
    }
}

/// A server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Processes whose CPU time is read.
    #[serde(default)]
    pub watch: Vec<i32>,
    /// Its own cases, in place of the plan's.
    #[serde(default)]
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

fn once() -> u32 {
    1
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
