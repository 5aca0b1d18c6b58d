//! Counters that any thread may read while workers serve.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Live counters of everything served with one [`Config`](crate::Config); a cheap, shared handle.
///
/// The numbers are independent of each other: two reads may straddle a change.
#[derive(Clone, Debug, Default)]
pub struct Stats(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    open: AtomicU64,
    accepted: AtomicU64,
    accept_errors: AtomicU64,
}

impl Stats {
    /// Connections that are open now, upgraded ones included.
    #[must_use]
    pub fn open_connections(&self) -> u64 {
        self.0.open.load(Ordering::Relaxed)
    }

    /// Connections accepted since the start.
    #[must_use]
    pub fn accepted_connections(&self) -> u64 {
        self.0.accepted.load(Ordering::Relaxed)
    }

    /// Failed `accept` calls that made a worker pause, usually for want of file descriptors.
    #[must_use]
    pub fn accept_errors(&self) -> u64 {
        self.0.accept_errors.load(Ordering::Relaxed)
    }

    pub(crate) fn connection_opened(&self) {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        self.0.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn connection_closed(&self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn accept_failed(&self) {
        self.0.accept_errors.fetch_add(1, Ordering::Relaxed);
    }
}
