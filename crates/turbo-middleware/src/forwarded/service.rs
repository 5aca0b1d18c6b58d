use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Request;
use http::header::UPGRADE;
use tower_service::Service;

use super::layer::Settings;
use super::{Client, Protocol, Scheme};

/// Finds out who the client of each request is; see the [module docs](super).
#[derive(Clone)]
pub struct ForwardedHeaders<S> {
    pub(super) inner: S,
    pub(super) settings: Option<Arc<Settings>>,
}

impl<S, B> Service<Request<B>> for ForwardedHeaders<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        if let Some(settings) = &self.settings {
            mark(settings, &mut request);
        }
        self.inner.call(request)
    }
}

fn mark<B>(settings: &Settings, request: &mut Request<B>) {
    let peer = (settings.peer)(request.extensions());
    let trusted = match peer {
        Some(peer) => settings.proxies.trusts_address(peer.ip()),
        None => settings.proxies.trusts(None),
    };
    let asks_for = |value: &http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"websocket");
    let websocket = request.headers().get(UPGRADE).is_some_and(asks_for);
    let protocol = if websocket { Protocol::WebSocket } else { Protocol::Http };
    let seen = settings.proxies.forwarded(trusted, request.headers(), protocol);
    if let Some(scheme) = seen.scheme {
        request.extensions_mut().insert(Scheme(scheme));
    }
    let client = match (seen.client, peer) {
        (Some((host, port)), _) => Client { host: host.into(), port },
        (None, Some(peer)) => Client { host: peer.ip().to_string().into(), port: peer.port().into() },
        (None, None) => return,
    };
    request.extensions_mut().insert(client);
}

impl<S: fmt::Debug> fmt::Debug for ForwardedHeaders<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ForwardedHeaders").field("inner", &self.inner).finish_non_exhaustive()
    }
}
