//! The server over real sockets. One binary, a module a theme.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

mod keep_alive;
mod protection;
mod server;
mod support;
