//! What can be set about a server, and the values it starts with.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::stats::Stats;

/// Smallest read buffer hyper can work with.
const MIN_HEADER_BYTES: usize = 8 * 1024;
/// A deadline below the tick of the sweep that enforces it would be a lie.
const MIN_TIMEOUT: Duration = Duration::from_millis(10);

/// Makes the response to a request that does not reach the service.
#[derive(Clone)]
pub(crate) struct Refusal(Arc<dyn Fn(StatusCode) -> Response<Bytes> + Send + Sync>);

impl Refusal {
    pub(crate) fn response(&self, status: StatusCode) -> Response<Bytes> {
        (self.0)(status)
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refusal")
    }
}

/// How connections are treated. Made by [`Config::builder`], shared as an `Arc` between workers.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) keep_alive_timeout: Duration,
    pub(crate) header_read_timeout: Duration,
    pub(crate) write_stall_timeout: Option<Duration>,
    pub(crate) max_connections: Option<usize>,
    pub(crate) max_header_bytes: usize,
    pub(crate) max_headers: Option<usize>,
    pub(crate) date_header: bool,
    pub(crate) refusal: Option<Refusal>,
    stats: Stats,
}

impl Config {
    /// A builder with the default values.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::default()
    }

    /// Live counters of everything served with this configuration and its clones.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            keep_alive_timeout: Duration::from_secs(5),
            header_read_timeout: Duration::from_secs(30),
            write_stall_timeout: None,
            max_connections: None,
            max_header_bytes: 64 * 1024,
            max_headers: None,
            date_header: true,
            refusal: None,
            stats: Stats::default(),
        }
    }
}

/// Builder of a [`Config`].
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct ConfigBuilder {
    config: Config,
}

impl ConfigBuilder {
    /// How long a connection may stay open between two requests. Default 5 s, as uvicorn has it.
    pub fn keep_alive_timeout(mut self, timeout: Duration) -> Self {
        self.config.keep_alive_timeout = timeout;
        self
    }

    /// How long a client may take from its first byte to the end of the header section, and from
    /// connecting to its first byte. Default 30 s.
    pub fn header_read_timeout(mut self, timeout: Duration) -> Self {
        self.config.header_read_timeout = timeout;
        self
    }

    /// How long a write may wait for a peer that takes nothing at all; then the connection is dropped.
    /// Default `None`: a stopped reader may stay.
    pub fn write_stall_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.config.write_stall_timeout = timeout;
        self
    }

    /// How many connections one [`serve`](crate::serve()) call keeps open at once. The others wait in the
    /// kernel's backlog. Default `None`: as many as there are file descriptors.
    pub fn max_connections(mut self, limit: Option<usize>) -> Self {
        self.config.max_connections = limit;
        self
    }

    /// Largest header section in bytes, request line included; a larger one is answered with 431.
    /// Default 64 KiB, at least 8 KiB.
    pub fn max_header_bytes(mut self, limit: usize) -> Self {
        self.config.max_header_bytes = limit;
        self
    }

    /// Most header lines in a request; more are answered with 431. `None`, the default, is 100 and the
    /// cheapest: any other value costs a heap allocation a request.
    pub fn max_headers(mut self, limit: Option<usize>) -> Self {
        self.config.max_headers = limit;
        self
    }

    /// Whether a `date` header is added to responses that have none (RFC 9110 section 6.6.1). Default yes.
    pub fn date_header(mut self, enabled: bool) -> Self {
        self.config.date_header = enabled;
        self
    }

    /// What is sent, with `connection: close`, to a request that is refused before the service sees it. The argument
    /// is the status that explains why (400, 414 or 431); called once a refusal. Default: the bare status.
    ///
    /// `date`, `content-length` and `connection` are added where they are missing.
    pub fn refusal(
        mut self,
        respond: impl Fn(StatusCode) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        self.config.refusal = Some(Refusal(Arc::new(respond)));
        self
    }

    /// The finished configuration, or the first value in it that cannot apply.
    pub fn build(self) -> Result<Config, ConfigError> {
        let config = self.config;
        let timeouts = [
            ("keep_alive_timeout", Some(config.keep_alive_timeout)),
            ("header_read_timeout", Some(config.header_read_timeout)),
            ("write_stall_timeout", config.write_stall_timeout),
        ];
        for (option, timeout) in timeouts {
            if timeout.is_some_and(|timeout| timeout < MIN_TIMEOUT) {
                return Err(ConfigError { option, reason: "must be at least 10 ms" });
            }
        }
        if config.max_connections == Some(0) {
            return Err(ConfigError { option: "max_connections", reason: "must be at least 1" });
        }
        if config.max_header_bytes < MIN_HEADER_BYTES {
            return Err(ConfigError { option: "max_header_bytes", reason: "must be at least 8192" });
        }
        if config.max_headers == Some(0) {
            return Err(ConfigError { option: "max_headers", reason: "must be at least 1" });
        }
        Ok(config)
    }
}

/// A configuration value that cannot apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    option: &'static str,
    reason: &'static str,
}

impl ConfigError {
    /// The name of the option.
    #[must_use]
    pub fn option(&self) -> &'static str {
        self.option
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.option, self.reason)
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid() {
        assert!(Config::builder().build().is_ok());
    }

    #[test]
    fn values_that_cannot_apply_are_named() {
        let short = Duration::from_millis(9);
        let cases = [
            (Config::builder().keep_alive_timeout(short), "keep_alive_timeout"),
            (Config::builder().header_read_timeout(short), "header_read_timeout"),
            (Config::builder().write_stall_timeout(Some(short)), "write_stall_timeout"),
            (Config::builder().max_connections(Some(0)), "max_connections"),
            (Config::builder().max_header_bytes(8191), "max_header_bytes"),
            (Config::builder().max_headers(Some(0)), "max_headers"),
        ];
        for (builder, option) in cases {
            assert_eq!(builder.build().map(|_| ()).unwrap_err().option(), option);
        }
    }

    #[test]
    fn clones_share_their_counters() {
        let config = Config::default();
        config.clone().stats().connection_opened();
        assert_eq!(config.stats().open_connections(), 1);
    }
}
