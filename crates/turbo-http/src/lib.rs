//! HTTP transport: from a listening socket to a [`tower_service::Service`], and back.
#![forbid(unsafe_code)]

mod body;
mod config;
mod connection;
mod error;
mod head;
mod io;
mod listener;
mod registry;
mod serve;
mod server;
mod service;
mod shutdown;
mod stats;
mod stream;
mod upgrade;
#[cfg(feature = "websocket")]
pub mod websocket;

pub use body::RequestBody;
pub use config::{Config, ConfigBuilder, ConfigError};
pub use connection::{Connection, ConnectionInfo};
pub use error::{BoxError, Error};
pub use listener::{Address, ListenOptions, Listener};
pub use serve::serve;
pub use server::{Server, ServerBuilder};
pub use shutdown::{Shutdown, ShutdownHandle};
pub use stats::Stats;
pub use upgrade::{OnUpgrade, Upgraded};
