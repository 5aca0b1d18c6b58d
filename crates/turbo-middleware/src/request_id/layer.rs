use std::sync::Arc;

use http::HeaderName;
use tower_layer::Layer;

use super::service::RequestId;

/// Adds [`RequestId`] to a service; see the [module docs](super).
#[derive(Clone, Debug)]
pub struct RequestIdLayer {
    settings: Option<Arc<Settings>>,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) header: HeaderName,
    pub(super) accept_incoming: bool,
}

impl RequestIdLayer {
    /// Ids in `X-Request-Id`, incoming ones are accepted.
    #[must_use]
    pub fn new() -> Self {
        let header = HeaderName::from_static("x-request-id");
        Self { settings: Some(Arc::new(Settings { header, accept_incoming: true })) }
    }

    /// A layer that does nothing.
    #[must_use]
    pub fn off() -> Self {
        Self { settings: None }
    }

    /// The header that carries the id in both directions.
    #[must_use]
    pub fn header(mut self, name: HeaderName) -> Self {
        if let Some(settings) = &mut self.settings {
            Arc::make_mut(settings).header = name;
        }
        self
    }

    /// Whether the id of a request that brings one is kept.
    #[must_use]
    pub fn accept_incoming(mut self, accept: bool) -> Self {
        if let Some(settings) = &mut self.settings {
            Arc::make_mut(settings).accept_incoming = accept;
        }
        self
    }

    /// Whether the layer does anything.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.settings.is_some()
    }
}

impl Default for RequestIdLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for RequestIdLayer {
    type Service = RequestId<S>;

    fn layer(&self, inner: S) -> RequestId<S> {
        RequestId { inner, settings: self.settings.clone() }
    }
}
