//! The server's hold on a running task: asyncio itself has only a weak one.

use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::prelude::*;

use super::exchange::Exchange;
use super::server::Server;

const NOT_YET: usize = usize::MAX;
const OVER: usize = usize::MAX - 1;

/// Where a task is registered with its server, from both of its ends.
pub(crate) struct Kept(AtomicUsize);

impl Kept {
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(NOT_YET))
    }

    /// Keeps a task that was started, unless it is over already.
    pub(crate) fn keep(&self, server: &Server, task: Bound<'_, PyAny>, exchange: impl FnOnce() -> Exchange) {
        if self.0.load(Ordering::Relaxed) == NOT_YET {
            self.0.store(server.register(task.unbind(), exchange()), Ordering::Relaxed);
        }
    }

    /// Says that the task is over.
    pub(crate) fn release(&self, server: &Server) {
        let slot = self.0.swap(OVER, Ordering::Relaxed);
        if slot < OVER {
            server.unregister(slot);
        }
    }
}
