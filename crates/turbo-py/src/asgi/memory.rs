//! Giving memory back after a crowd has left.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use turbo_http::Stats;

/// Fewer closed connections than this are not worth the call.
const CROWD: u64 = 512;
/// How long after the crowd began to leave: a client that reconnects is back by then.
const PATIENCE: Duration = Duration::from_secs(1);

/// Watches connections come and go, and has the allocator return what only the gone ones used.
///
/// Buffers of thousands of connections lie between longer-lived objects; glibc returns such pages
/// only when asked. Measured with `benchmarks/idle_connections.py`: 10,000 connections left 120 MB
/// resident that one call returns.
pub(crate) struct Crowd {
    stats: Stats,
    peak: AtomicU64,
    closed: AtomicU64,
    scheduled: AtomicBool,
}

impl Crowd {
    pub(crate) fn new(stats: Stats) -> Self {
        Self { stats, peak: AtomicU64::new(0), closed: AtomicU64::new(0), scheduled: AtomicBool::new(false) }
    }

    pub(crate) fn came(&self) {
        self.peak.fetch_max(self.stats.open_connections(), Ordering::Relaxed);
    }

    /// A connection closed. Runs inside the runtime, as every end of a connection does.
    pub(crate) fn left(self: &Arc<Self>) {
        let closed = self.closed.fetch_add(1, Ordering::Relaxed) + 1;
        let half_gone = self.stats.open_connections() < self.peak.load(Ordering::Relaxed) / 2;
        if closed < CROWD || !half_gone || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        if self.scheduled.swap(true, Ordering::Relaxed) {
            return;
        }
        let crowd = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(PATIENCE).await;
            crowd.scheduled.store(false, Ordering::Relaxed);
            crowd.closed.store(0, Ordering::Relaxed);
            crowd.peak.store(crowd.stats.open_connections(), Ordering::Relaxed);
            trim();
        });
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn trim() {
    // SAFETY: takes no pointers; glibc locks its arenas itself.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}
