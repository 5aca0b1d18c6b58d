use std::time::Duration;

use http::StatusCode;
use tower_layer::Layer;

use super::service::Timeout;

/// Adds [`Timeout`] to a service; see the [module docs](super).
#[derive(Clone, Copy, Debug)]
pub struct TimeoutLayer {
    settings: Option<Settings>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) after: Duration,
    pub(super) status: StatusCode,
}

impl TimeoutLayer {
    /// 503 when there is no response `after` this time.
    #[must_use]
    pub fn new(after: Duration) -> Self {
        Self { settings: Some(Settings { after, status: StatusCode::SERVICE_UNAVAILABLE }) }
    }

    /// A layer that does nothing.
    #[must_use]
    pub fn off() -> Self {
        Self { settings: None }
    }

    /// The status of the answer in place of 503.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        if let Some(settings) = &mut self.settings {
            settings.status = status;
        }
        self
    }

    /// Whether the layer does anything.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.settings.is_some()
    }
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = Timeout<S>;

    fn layer(&self, inner: S) -> Timeout<S> {
        Timeout { inner, settings: self.settings }
    }
}
