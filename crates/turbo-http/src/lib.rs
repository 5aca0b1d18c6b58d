//! HTTP transport: from a listening socket to a [`tower_service::Service`], and back.
//!
//! The crate accepts connections, speaks HTTP/1.1 on them with [hyper](https://docs.rs/hyper), keeps them within limits,
//! and ends them in order. What a request means is the service's business: there are no routes, no middleware and
//! no Python here.
//!
//! # A server
//!
//! [`Server`] is the whole thing for a program of one's own: a thread a worker, each with its own runtime and share
//! of the connections.
//!
//! ```
//! use std::convert::Infallible;
//! use std::net::SocketAddr;
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use turbo_http::{RequestBody, Server};
//!
//! async fn hello(_: Request<RequestBody>) -> Result<Response<Full<Bytes>>, Infallible> {
//!     Ok(Response::new(Full::from("hello\n")))
//! }
//!
//! # fn main() -> std::io::Result<()> {
//! let address = SocketAddr::from(([127, 0, 0, 1], 0));
//! let server = Server::builder().tcp(address).start(tower::service_fn(hello))?;
//! println!("http://{}", server.addresses()[0]);
//! server.shutdown()
//! # }
//! ```
//!
//! The service is cloned for each connection and called for one request after the other. Its future and the response
//! body need not be `Send`: a connection stays on its thread. A router of [axum](https://docs.rs/axum) is such a service.
//!
//! # A server in a runtime of one's own
//!
//! [`serve()`] is the part of it that one thread runs for one listener, for those who have a
//! [`LocalRuntime`](tokio::runtime::LocalRuntime) already:
//!
//! ```
//! # use std::{convert::Infallible, sync::Arc};
//! # use http::{Request, Response};
//! # use turbo_http::RequestBody;
//! # async fn hello(_: Request<RequestBody>) -> Result<Response<http_body_util::Empty<bytes::Bytes>>, Infallible> {
//! #     Ok(Response::default())
//! # }
//! use turbo_http::{Config, Connection, ListenOptions, Listener, Shutdown, serve};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let runtime = tokio::runtime::Builder::new_current_thread()
//! #     .enable_all()
//! #     .build_local(tokio::runtime::LocalOptions::default())?;
//! let listener = Listener::tcp("127.0.0.1:0".parse()?, &ListenOptions::default())?;
//! let config = Config::builder().max_connections(Some(10_000)).build()?;
//! let (handle, shutdown) = Shutdown::new();
//! # handle.drain();
//! let make = |connection: &Connection| {
//!     println!("{} is here", connection.peer());
//!     tower::service_fn(hello)
//! };
//! runtime.block_on(serve(listener, make, Arc::new(config), shutdown))?;
//! # Ok(())
//! # }
//! ```
//!
//! # Limits
//!
//! All are set in [`Config`] and on by default, but for the number of connections and stalled readers.
//!
//! | what | default | then |
//! |---|---|---|
//! | time between two requests | 5 s | closed |
//! | time from connecting, or from the first byte, to the end of a header section | 30 s | closed |
//! | header section | 64 KiB, 100 lines | 431 and closed |
//! | target | 65,534 bytes | 414 and closed |
//! | time in which a reader takes nothing | none | dropped |
//! | open connections | none | the rest wait in the backlog |
//!
//! Timeouts are kept by one sweep over all connections and cost a request nothing. They are never early, and late by
//! half of the shortest of them at most (but 20 ms at least and 2 s at most). There is no limit on the size of a body
//! and none on the time a service takes: those are for middleware. Backpressure holds in both directions: a body that
//! is not polled is not read from the socket, and a response body is not polled while the client does not read.
//!
//! # What does not reach the service
//!
//! Requests that two parsers could understand differently are answered with 400 and the connection is closed
//! ([`ConfigBuilder::refusal`] sets the words):
//!
//! - HTTP/1.1 with no `Host` or several (RFC 9112 section 3.2);
//! - `Content-Length` together with `Transfer-Encoding`, `Transfer-Encoding` with anything but a single `chunked`, or
//!   either with a value hyper does not take (sections 6.1 to 6.3);
//! - header lines ending in a line feed alone, folded lines, whitespace before the colon (sections 2.2, 5.1, 5.2);
//! - a target with bytes outside ASCII (RFC 3986 section 2).
//!
//! What is wrong with a chunked body shows while it is read, as [`Error::Malformed`].
//!
//! # Ending
//!
//! [`ShutdownHandle::drain`] lets everything that was accepted finish, [`ShutdownHandle::close`] does not; the time
//! between the two is the caller's policy, and [`Server`]'s [graceful timeout](ServerBuilder::graceful_timeout).
//! A service or response body that fails ends its connection without completing the response, so that the client can
//! see that something is missing. After a last response to a client that may still be sending, the rest of what it
//! sends is read and dropped for a while, or the response could be lost to a reset (RFC 9112 section 9.6).
//!
//! # Known limits
//!
//! - [`http::HeaderMap`] keeps the order of header lines with one name, and of names by their first line; lines of
//!   different names that were interleaved come out grouped. RFC 9110 section 5.3 gives that order no meaning;
//!   [`Connection::field_order`] has the original order of a request all the same.
//! - Several equal `Content-Length` lines count as one, as RFC 9112 section 6.3 allows.
//! - Line ends, and `Content-Length` beside `Transfer-Encoding`, are checked when a header section comes in packets of
//!   its own. Behind a pipelined request hyper's rules hold: it obeys `Transfer-Encoding` and closes the connection
//!   after the response, which is what section 6.3 demands.
//! - Responses to pipelined requests go out one by one. hyper can join them, but would then buffer response bodies
//!   without bound.
//! - HTTP/1 only, and no TLS, for the time being. Linux and macOS.
//!
//! # Features
//!
//! - `websocket`: the server's side of WebSocket, in `turbo_http::websocket`.
#![forbid(unsafe_code)]

mod body;
mod config;
mod connection;
mod error;
mod field_order;
mod head;
mod io;
mod listener;
mod refused;
mod registry;
mod serve;
mod server;
mod service;
mod shutdown;
mod stats;
mod stream;
pub mod syntax;
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
