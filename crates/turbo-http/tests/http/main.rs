//! The server over real sockets. One binary, a module a theme.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

mod bodies;
mod failures;
mod fuzz;
mod keep_alive;
mod listeners;
mod protection;
mod server;
mod shutdown;
mod support;
mod upgrade;
#[cfg(feature = "websocket")]
mod websocket;
