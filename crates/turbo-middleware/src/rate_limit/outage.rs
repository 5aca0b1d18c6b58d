//! What happens while the store does not answer.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::clock::Clock;
use super::store::StoreError;

/// What becomes of requests that nobody can count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnOutage {
    /// They go on: a limit protects the service, and refusing everyone is what it should prevent.
    #[default]
    Allow,
    /// They are answered with 503: for limits that guard something worse than load, such as guessing passwords.
    Refuse,
}

/// A change in the store's health; there is one of each per outage, however many requests it touches.
#[derive(Debug)]
pub enum OutageEvent<'a> {
    /// The store did not answer.
    Began(&'a StoreError),
    /// The store answers again, after this time.
    Ended(Duration),
}

impl fmt::Display for OutageEvent<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Began(error) => write!(formatter, "the store of the rate limit does not answer: {error}"),
            Self::Ended(time) => {
                write!(
                    formatter,
                    "the store of the rate limit answers again after {:.1} s",
                    time.as_secs_f64()
                )
            }
        }
    }
}

/// Time between two attempts to reach a store that is gone. Meanwhile no request waits for it.
const RETRY: Duration = Duration::from_secs(1);
/// No outage. The clock would need 584 years to reach it.
const UP: u64 = u64::MAX;

type Listener = Box<dyn Fn(&OutageEvent<'_>) + Send + Sync>;

/// Whether the store is to be asked.
pub(super) struct Health {
    /// Nanoseconds at which a request may try again; `UP` while the store answers.
    retry_at: AtomicU64,
    since: Mutex<Option<u64>>,
    clock: Box<dyn Clock>,
    listener: Option<Listener>,
}

impl Health {
    pub(super) fn new(clock: impl Clock) -> Self {
        let retry_at = AtomicU64::new(UP);
        Self { retry_at, since: Mutex::new(None), clock: Box::new(clock), listener: None }
    }

    pub(super) fn told(self, listener: Listener) -> Self {
        Self { listener: Some(listener), ..self }
    }

    /// Whether to ask: always while the store answers, otherwise one request now and then.
    pub(super) fn may_ask(&self) -> bool {
        let retry_at = self.retry_at.load(Ordering::Relaxed);
        if retry_at == UP {
            return true;
        }
        let now = self.clock.now();
        now >= retry_at
            && self
                .retry_at
                .compare_exchange(retry_at, next_try(now), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    pub(super) fn failed(&self, error: &StoreError) {
        let now = self.clock.now();
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        self.retry_at.store(next_try(now), Ordering::Relaxed);
        if since.is_none() {
            *since = Some(now);
            drop(since);
            self.tell(&OutageEvent::Began(error));
        }
    }

    pub(super) fn answered(&self) {
        if self.retry_at.load(Ordering::Relaxed) == UP {
            return;
        }
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        self.retry_at.store(UP, Ordering::Relaxed);
        let began = since.take();
        drop(since);
        if let Some(since) = began {
            let time = self.clock.now().saturating_sub(since);
            self.tell(&OutageEvent::Ended(Duration::from_nanos(time)));
        }
    }

    fn tell(&self, event: &OutageEvent<'_>) {
        if let Some(listener) = &self.listener {
            listener(event);
        }
    }
}

fn next_try(now: u64) -> u64 {
    now.saturating_add(u64::try_from(RETRY.as_nanos()).unwrap_or(UP)).min(UP - 1)
}
