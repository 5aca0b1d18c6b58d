use std::fmt;
use std::sync::Arc;

use tower_layer::Layer;

use super::entry::Entry;
use super::service::AccessLog;

pub(super) type Sink = dyn Fn(Entry) + Send + Sync;

/// Adds [`AccessLog`] to a service; see the [module docs](super).
#[derive(Clone)]
pub struct AccessLogLayer {
    sink: Option<Arc<Sink>>,
}

impl AccessLogLayer {
    /// Hands every entry to `sink`.
    pub fn new(sink: impl Fn(Entry) + Send + Sync + 'static) -> Self {
        Self { sink: Some(Arc::new(sink)) }
    }

    /// A layer that does nothing.
    #[must_use]
    pub fn off() -> Self {
        Self { sink: None }
    }

    /// Whether the layer does anything.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.sink.is_some()
    }
}

impl<S> Layer<S> for AccessLogLayer {
    type Service = AccessLog<S>;

    fn layer(&self, inner: S) -> AccessLog<S> {
        AccessLog { inner, sink: self.sink.clone() }
    }
}

impl fmt::Debug for AccessLogLayer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AccessLogLayer").field("on", &self.is_on()).finish()
    }
}
