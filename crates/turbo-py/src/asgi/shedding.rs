//! Refusing requests while enough of them wait for the app.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use turbo_middleware::concurrency_limit::{Gate, Permit};

/// Time between two lines of the log that tell of refusals.
const LOG_INTERVAL: Duration = Duration::from_secs(1);

/// The limit on requests that have no answer so far.
///
/// Not the tower layer, since the server knows better: it counts what the app has not answered although the client
/// left, and a body that is still on its way costs no place.
pub(crate) struct Shedding {
    gate: Gate,
    exempt: Vec<String>,
    pub(crate) retry_after: u32,
    logged: Mutex<Option<Instant>>,
}

impl Shedding {
    pub(crate) fn new(limit: usize, exempt: Vec<String>, retry_after: u32) -> Self {
        Self { gate: Gate::new(limit), exempt, retry_after, logged: Mutex::new(None) }
    }

    /// Whether a request for `path` is one too many.
    #[inline]
    pub(crate) fn refuses(&self, path: &str) -> bool {
        self.gate.is_full() && !self.exempt.iter().any(|exempt| exempt == path)
    }

    /// A place for a request, until the app has answered it.
    pub(crate) fn admit(&self) -> Permit {
        self.gate.admit()
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Counts a refusal; whether it is time to log one.
    pub(crate) fn refused(&self) -> bool {
        self.gate.turn_away();
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let due = logged.is_none_or(|at| at.elapsed() >= LOG_INTERVAL);
        if due {
            *logged = Some(Instant::now());
        }
        due
    }
}
