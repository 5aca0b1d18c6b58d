//! What a run counts.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// The longest latency that is told apart: a minute.
const LONGEST_US: u64 = 60_000_000;
/// Latencies are kept to a thousandth.
const DIGITS: u8 = 3;
/// Bytes of a wrong answer that are reported.
const SHOWN: usize = 300;

/// Counts of answers, and their latencies.
#[derive(Debug)]
pub struct Totals {
    /// Answers count.
    pub counting: bool,
    requests: u64,
    wrong: u64,
    failed: u64,
    connects: u64,
    unsent: u64,
    received: u64,
    time: Duration,
    /// Requests and CPU time of each turn.
    turns: Vec<(u64, Duration)>,
    latencies: Histogram<u64>,
    first_wrong: Option<String>,
}

impl Totals {
    /// Nothing counted.
    ///
    /// # Panics
    /// Never: the bounds are constants that the histogram allows.
    #[must_use]
    #[allow(clippy::expect_used, reason = "the bounds are constants")]
    pub fn new() -> Self {
        Totals {
            counting: false,
            requests: 0,
            wrong: 0,
            failed: 0,
            connects: 0,
            unsent: 0,
            received: 0,
            time: Duration::ZERO,
            turns: Vec::new(),
            latencies: Histogram::new_with_bounds(1, LONGEST_US, DIGITS).expect("valid bounds"),
            first_wrong: None,
        }
    }

    /// An answer to what was, or should have been, sent at `sent`. A wrong one counts at any time.
    pub fn answered(&mut self, sent: Instant, right: bool, body: &[u8]) {
        if !right {
            self.wrong += 1;
            self.first_wrong
                .get_or_insert_with(|| String::from_utf8_lossy(&body[..body.len().min(SHOWN)]).into_owned());
        } else if self.counting {
            self.requests += 1;
            self.received += body.len() as u64;
            self.latency(sent.elapsed());
        }
    }

    /// A connection broke.
    pub fn broke(&mut self, error: &std::io::Error) {
        self.failed += 1;
        self.first_wrong.get_or_insert_with(|| error.to_string());
    }

    /// A connection was opened.
    pub fn connected(&mut self) {
        self.connects += u64::from(self.counting);
    }

    /// A request that was due so long ago was never sent.
    pub fn never_sent(&mut self, late: Duration) {
        self.unsent += 1;
        self.latency(late);
    }

    fn latency(&mut self, latency: Duration) {
        let microseconds = u64::try_from(latency.as_micros()).unwrap_or(LONGEST_US);
        self.latencies.saturating_record(microseconds.max(1));
    }

    /// A turn has counted for so long, and the server has used so much CPU time.
    pub fn turn(&mut self, counted: Duration, cpu: Duration) {
        self.time += counted;
        let before: u64 = self.turns.iter().map(|(requests, _)| requests).sum();
        self.turns.push((self.requests - before, cpu));
    }

    /// The result of all turns.
    #[must_use]
    pub fn report(&self) -> Value {
        let cpu: Duration = self.turns.iter().map(|(_, cpu)| *cpu).sum();
        let turns: Vec<_> =
            self.turns.iter().map(|(requests, cpu)| json!([requests, cpu.as_secs_f64()])).collect();
        let latency = |share: f64| self.latencies.value_at_quantile(share);
        json!({
            "requests": self.requests,
            "wrong": self.wrong,
            "failed": self.failed,
            "connects": self.connects,
            "unsent": self.unsent,
            "received": self.received,
            "seconds": self.time.as_secs_f64(),
            "cpu_seconds": cpu.as_secs_f64(),
            "turns": turns,
            "latency_us": {
                "50": latency(0.5), "90": latency(0.9), "99": latency(0.99), "99.9": latency(0.999),
                "100": self.latencies.max(),
            },
            "first_wrong": self.first_wrong,
        })
    }
}

impl Default for Totals {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use super::Totals;

    #[test]
    fn only_what_is_answered_while_counting_counts() {
        let mut totals = Totals::new();
        totals.answered(Instant::now(), true, b"early");
        totals.counting = true;
        totals.answered(Instant::now(), true, b"ok");
        totals.answered(Instant::now(), false, b"no");
        totals.never_sent(Duration::from_millis(5));
        totals.turn(Duration::from_secs(1), Duration::from_millis(2));
        totals.turn(Duration::from_secs(1), Duration::from_millis(3));
        let report = totals.report();
        assert_eq!(report["turns"], json!([[1, 0.002], [0, 0.003]]));
        assert_eq!((report["seconds"].as_f64(), report["cpu_seconds"].as_f64()), (Some(2.0), Some(0.005)));
        assert_eq!(report["requests"], 1);
        assert_eq!(report["received"], 2);
        assert_eq!(report["wrong"], 1);
        assert_eq!(report["unsent"], 1);
        assert_eq!(report["first_wrong"], "no");
        assert!(report["latency_us"]["100"].as_u64().unwrap() >= 5_000);
    }
}
