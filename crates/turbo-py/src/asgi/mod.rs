//! The ASGI 3 bridge: `http` and `websocket` scopes over turbo-http.
//!
//! A request becomes a scope ([`scope`]) and an exchange ([`http`], [`websocket`]) whose `receive`
//! and `send` are native; the app's coroutine runs in a real `asyncio.Task` ([`exchange`]), started
//! eagerly where Python can, so that an app that never suspends is answered in one go
//! ([`service`]). Rules and traps are uvicorn's (`uvicorn/protocols/http/httptools_impl.py`,
//! `uvicorn/protocols/websockets/websockets_sansio_impl.py`, 0.54) unless a comment says otherwise.

mod access;
mod arrival;
mod at_once;
mod exchange;
mod http;
mod http_server;
mod kept;
pub(crate) mod label;
mod layered;
mod layers;
mod meeting;
mod memory;
pub(crate) mod message;
mod metrics;
mod options;
mod planned;
mod rate_limit;
mod reason;
mod refusal;
mod responding;
mod scope;
mod server;
mod service;
mod shedding;
mod spare;
mod websocket;

pub(crate) use self::http_server::HttpServer;
pub(crate) use self::metrics::MetricsRecorder;
pub(crate) use self::rate_limit::RateLimitBuckets;
pub(crate) use self::websocket::ClientDisconnected;
