use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use http::Extensions;
use tower_layer::Layer;

use super::TrustedProxies;
use super::service::ForwardedHeaders;

/// Adds [`ForwardedHeaders`] to a service; see the [module docs](super).
#[derive(Clone)]
pub struct ForwardedLayer {
    settings: Option<Arc<Settings>>,
}

pub(super) struct Settings {
    pub(super) proxies: TrustedProxies,
    #[expect(clippy::type_complexity, reason = "a function, and what it may be shared by")]
    pub(super) peer: Box<dyn Fn(&Extensions) -> Option<SocketAddr> + Send + Sync>,
}

impl ForwardedLayer {
    /// Believes `proxies`; `peer` finds the other end of a request's connection in its extensions, `None` for one
    /// without an address (a Unix socket).
    pub fn new<P>(proxies: TrustedProxies, peer: P) -> Self
    where
        P: Fn(&Extensions) -> Option<SocketAddr> + Send + Sync + 'static,
    {
        Self { settings: Some(Arc::new(Settings { proxies, peer: Box::new(peer) })) }
    }

    /// A layer that does nothing.
    #[must_use]
    pub fn off() -> Self {
        Self { settings: None }
    }

    /// Whether the layer does anything.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.settings.is_some()
    }
}

impl<S> Layer<S> for ForwardedLayer {
    type Service = ForwardedHeaders<S>;

    fn layer(&self, inner: S) -> ForwardedHeaders<S> {
        ForwardedHeaders { inner, settings: self.settings.clone() }
    }
}

impl fmt::Debug for ForwardedLayer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let proxies = self.settings.as_ref().map(|settings| &settings.proxies);
        formatter.debug_struct("ForwardedLayer").field("proxies", &proxies).finish_non_exhaustive()
    }
}
