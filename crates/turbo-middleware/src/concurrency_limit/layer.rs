use std::sync::Arc;

use tower_layer::Layer;

use super::gate::Gate;
use super::service::ConcurrencyLimit;

/// Adds [`ConcurrencyLimit`] to a service; see the [module docs](super).
#[derive(Clone, Debug)]
pub struct ConcurrencyLimitLayer {
    pub(super) settings: Option<Arc<Settings>>,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) gate: Gate,
    pub(super) exempt: Vec<String>,
    pub(super) retry_after: u32,
}

impl ConcurrencyLimitLayer {
    /// At most `limit` requests at once; all services of the layer and its clones share the count.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self::with_gate(Gate::new(limit))
    }

    /// A layer that counts at `gate`, where its state can be seen.
    #[must_use]
    pub fn with_gate(gate: Gate) -> Self {
        Self { settings: Some(Arc::new(Settings { gate, exempt: Vec::new(), retry_after: 1 })) }
    }

    /// A layer that does nothing.
    #[must_use]
    pub fn off() -> Self {
        Self { settings: None }
    }

    /// Paths that are served whatever happens and do not count, compared as they are in the request.
    #[must_use]
    pub fn exempt(mut self, paths: impl IntoIterator<Item = impl Into<String>>) -> Self {
        if let Some(settings) = &mut self.settings {
            Arc::make_mut(settings).exempt = paths.into_iter().map(Into::into).collect();
        }
        self
    }

    /// Seconds after which refused clients are told to come back; 1 by default.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        if let Some(settings) = &mut self.settings {
            Arc::make_mut(settings).retry_after = seconds;
        }
        self
    }

    /// Whether the layer does anything.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.settings.is_some()
    }
}

impl<S> Layer<S> for ConcurrencyLimitLayer {
    type Service = ConcurrencyLimit<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ConcurrencyLimit { inner, settings: self.settings.clone() }
    }
}
