//! Tests of the parts, and of the service over them.

mod memory;
mod outage;
mod quota;
mod service;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Quota;

const SECOND: u64 = 1_000_000_000;

fn quota(limit: u32, seconds: u64) -> Quota {
    Quota::new(limit, Duration::from_secs(seconds)).unwrap()
}

/// A clock that a test moves.
#[derive(Clone, Default)]
struct Hands(Arc<AtomicU64>);

impl Hands {
    fn advance(&self, nanoseconds: u64) {
        self.0.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    fn clock(&self) -> impl Fn() -> u64 + Send + Sync + 'static {
        let hands = self.clone();
        move || hands.0.load(Ordering::Relaxed)
    }
}
