//! The server's hold on a running task: asyncio itself has only a weak one.
//!
//! All but [`Kept::lose`] is said by the thread of the loop, attached: no swap is needed.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use pyo3::prelude::*;

use super::exchange::Exchange;
use super::server::Server;

const NOT_YET: usize = usize::MAX;
const OVER: usize = usize::MAX - 1;

/// Where a task is registered with its server, from both of its ends.
pub(crate) struct Kept {
    slot: AtomicUsize,
    /// The client of a plan, or its server, went before there was an exchange to be told of it.
    gone: AtomicBool,
}

impl Kept {
    pub(crate) fn new() -> Self {
        Self { slot: AtomicUsize::new(NOT_YET), gone: AtomicBool::new(false) }
    }

    /// Keeps a task that was started, unless it is over already.
    pub(crate) fn keep(&self, server: &Server, task: Bound<'_, PyAny>, exchange: impl FnOnce() -> Exchange) {
        if self.slot.load(Ordering::Relaxed) == NOT_YET {
            self.slot.store(server.register(task.unbind(), exchange()), Ordering::Relaxed);
        }
    }

    /// The plan that the task runs goes on with an exchange, which is the one to be told from now on.
    pub(crate) fn exchanges(&self, server: &Server, exchange: Exchange) {
        let slot = self.slot.load(Ordering::Relaxed);
        if slot < OVER {
            server.replace(slot, exchange);
        }
    }

    /// Says that the client or the server is gone.
    pub(crate) fn lose(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Says that the task is over.
    pub(crate) fn release(&self, server: &Server) {
        let slot = self.slot.load(Ordering::Relaxed);
        self.slot.store(OVER, Ordering::Relaxed);
        if slot < OVER {
            server.unregister(slot);
        }
    }
}
