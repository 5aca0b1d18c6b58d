//! The count behind the limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Lets at most so many in at once. Clones share their count.
#[derive(Clone, Debug)]
pub struct Gate {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    limit: usize,
    inside: AtomicUsize,
    refused: AtomicU64,
}

impl Gate {
    /// A gate for `limit` at once.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { inner: Arc::new(Inner { limit, inside: AtomicUsize::new(0), refused: AtomicU64::new(0) }) }
    }

    /// Lets one in, until the permit is dropped; `None` if there are enough inside.
    #[must_use]
    pub fn enter(&self) -> Option<Permit> {
        let Inner { limit, inside, refused } = &*self.inner;
        // The count orders nothing else.
        let entered = inside
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| (now < *limit).then_some(now + 1));
        if entered.is_err() {
            refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(Permit(Arc::clone(&self.inner)))
    }

    /// Lets one in even if there are enough inside, for who has decided by [`is_full`](Self::is_full).
    #[must_use]
    pub fn admit(&self) -> Permit {
        self.inner.inside.fetch_add(1, Ordering::Relaxed);
        Permit(Arc::clone(&self.inner))
    }

    /// Whether there are enough inside.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.inside() >= self.inner.limit
    }

    /// Counts one that was refused by [`is_full`](Self::is_full).
    pub fn turn_away(&self) {
        self.inner.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// How many may be inside.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.inner.limit
    }

    /// How many are inside.
    #[must_use]
    pub fn inside(&self) -> usize {
        self.inner.inside.load(Ordering::Relaxed)
    }

    /// How many were refused so far.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.inner.refused.load(Ordering::Relaxed)
    }
}

/// A place behind a [`Gate`], given back when it is dropped.
#[derive(Debug)]
pub struct Permit(Arc<Inner>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::Relaxed);
    }
}
