//! When the next request is due.

use std::cell::Cell;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

/// Hands out the times at which requests are due, in order.
///
/// In a closed loop that is always now. In an open loop a request is due at its place in an even sequence; a caller who
/// comes late gets a time that has passed.
#[derive(Debug)]
pub struct Turn {
    interval: Option<Duration>,
    start: Cell<Instant>,
    next: Cell<u32>,
    sleep: bool,
    /// Only one task watches the clock; the others wait for their turn to do so.
    door: Mutex<()>,
}

impl Turn {
    /// An open loop with a `rate` in requests a second, or a closed one.
    #[must_use]
    pub fn new(rate: Option<f64>, sleep: bool) -> Self {
        Turn {
            interval: rate.map(|rate| Duration::from_secs_f64(1.0 / rate)),
            start: Cell::new(Instant::now()),
            next: Cell::new(0),
            sleep,
            door: Mutex::new(()),
        }
    }

    /// The first request is due now.
    pub fn begin(&self) {
        self.start.set(Instant::now());
    }

    /// Waits until the next request is due, and says when that was.
    pub async fn wait(&self) -> Instant {
        let Some(interval) = self.interval else { return Instant::now() };
        let _watching = self.door.lock().await;
        let due = self.due(interval);
        while Instant::now() < due {
            if self.sleep {
                tokio::time::sleep_until(due.into()).await;
            } else {
                tokio::task::yield_now().await;
            }
        }
        due
    }

    /// The times before `end` at which requests were due that nobody has taken.
    pub fn missed(&self, end: Instant) -> impl Iterator<Item = Instant> {
        std::iter::from_fn(move || self.interval.map(|interval| self.due(interval)).filter(|due| *due < end))
    }

    fn due(&self, interval: Duration) -> Instant {
        let number = self.next.get();
        self.next.set(number + 1);
        self.start.get() + interval * number
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Turn;

    #[tokio::test]
    async fn an_open_loop_keeps_its_times() {
        let turn = Turn::new(Some(1_000.0), false);
        let first = turn.wait().await;
        // A caller that comes late still gets the time at which it should have come.
        while first.elapsed() < Duration::from_millis(10) {}
        assert_eq!(turn.wait().await - first, Duration::from_millis(1));
        assert_eq!(turn.missed(first + Duration::from_millis(5)).count(), 3);
    }

    #[tokio::test]
    async fn a_closed_loop_is_always_due() {
        let turn = Turn::new(None, false);
        let before = Instant::now();
        assert!(turn.wait().await >= before);
        assert_eq!(turn.missed(before + Duration::from_secs(1)).count(), 0);
    }
}
