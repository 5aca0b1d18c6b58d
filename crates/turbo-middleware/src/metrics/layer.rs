use std::sync::Arc;

use tower_layer::Layer;

use super::recorder::Recorder;
use super::service::Metrics;

/// Adds [`Metrics`] to a service; see the [module docs](super).
#[derive(Clone, Debug)]
pub struct MetricsLayer {
    settings: Option<Arc<Settings>>,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) recorder: Recorder,
    pub(super) path: Option<String>,
}

impl MetricsLayer {
    /// Records with `recorder`.
    #[must_use]
    pub fn new(recorder: Recorder) -> Self {
        Self { settings: Some(Arc::new(Settings { recorder, path: None })) }
    }

    /// A layer that does nothing.
    #[must_use]
    pub fn off() -> Self {
        Self { settings: None }
    }

    /// Answers `GET` on this path with the page. Whoever can send requests can read it then.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        if let Some(settings) = &mut self.settings {
            Arc::make_mut(settings).path = Some(path.into());
        }
        self
    }

    /// Whether the layer does anything.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.settings.is_some()
    }
}

impl<S> Layer<S> for MetricsLayer {
    type Service = Metrics<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Metrics { inner, settings: self.settings.clone() }
    }
}
