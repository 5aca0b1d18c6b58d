//! How many requests a key may make: the arithmetic of a token bucket.

use std::fmt;
use std::time::Duration;

/// The longest time a bucket may take to fill.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// A token bucket: it holds `burst` tokens, a request takes one, and `limit` tokens come back each `window`.
///
/// A bucket is one number, the time at which it will be full again: what the generic cell rate algorithm of
/// ITU-T I.371 calls the theoretical arrival time. A full bucket therefore needs no memory at all, and taking
/// a token is one comparison and one addition.
///
/// The time for one token is rounded up to whole nanoseconds (microseconds in Redis), so that never more than
/// `limit` tokens come back within `window`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    limit: u32,
    window: Duration,
    burst: u32,
    /// Nanoseconds in which one token comes back.
    interval: u64,
}

impl Quota {
    /// `limit` requests per `window`, all of which may come at once.
    ///
    /// # Errors
    ///
    /// If `limit` is 0, `window` is 0 or longer than 366 days, or more than a million tokens a second are asked for.
    pub fn new(limit: u32, window: Duration) -> Result<Self, QuotaError> {
        if limit == 0 {
            return Err(QuotaError::Zero);
        }
        let nanoseconds = u64::try_from(window.as_nanos()).unwrap_or(u64::MAX);
        if nanoseconds < 1_000 * u64::from(limit) {
            return Err(QuotaError::TooFast);
        }
        let interval = nanoseconds.div_ceil(u64::from(limit));
        Self { limit, window, burst: limit, interval }.checked()
    }

    /// The most requests at once, if that is not `limit`: fewer smooth the traffic, more allow for bursts.
    ///
    /// # Errors
    ///
    /// If `burst` is 0 or an empty bucket would take more than 366 days to fill.
    pub fn burst(self, burst: u32) -> Result<Self, QuotaError> {
        if burst == 0 {
            return Err(QuotaError::Zero);
        }
        Self { burst, ..self }.checked()
    }

    fn checked(self) -> Result<Self, QuotaError> {
        let longest = u64::try_from(LONGEST.as_nanos()).unwrap_or(u64::MAX);
        match self.interval.checked_mul(u64::from(self.burst.max(1))) {
            // Rounding up may have added less than a nanosecond a token.
            Some(capacity) if capacity <= longest.saturating_add(u64::from(u32::MAX)) => Ok(self),
            _ => Err(QuotaError::TooSlow),
        }
    }

    /// Tokens that come back in [`window`](Self::window).
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// The time in which [`limit`](Self::limit) tokens come back.
    #[must_use]
    pub fn window(&self) -> Duration {
        self.window
    }

    /// Tokens in a full bucket.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.burst
    }

    /// Nanoseconds for one token.
    #[cfg(feature = "redis")]
    pub(super) fn interval(&self) -> u64 {
        self.interval
    }

    /// Takes a token at `now` from the bucket that is full at `full_at`, both in nanoseconds of one clock.
    ///
    /// The decision, and the time at which the bucket is full afterwards; a refused request takes nothing.
    #[must_use]
    pub fn take(&self, full_at: u64, now: u64) -> (Decision, u64) {
        let capacity = self.interval * u64::from(self.burst);
        let full_at = full_at.max(now);
        // A time beyond an empty bucket's can only come from another quota.
        let full_at = full_at.min(now.saturating_add(capacity));
        let after = full_at.saturating_add(self.interval);
        let (allowed, full_at) = if after - now > capacity { (false, full_at) } else { (true, after) };
        (self.decision(allowed, full_at - now, self.interval), full_at)
    }

    /// What to tell the client when the bucket needs `until_full` to fill, one token taking `interval`.
    pub(super) fn decision(&self, allowed: bool, until_full: u64, interval: u64) -> Decision {
        let capacity = interval.saturating_mul(u64::from(self.burst));
        let left = capacity.saturating_sub(until_full) / interval;
        let missing = (until_full + interval).saturating_sub(capacity);
        Decision {
            allowed,
            remaining: u32::try_from(left).unwrap_or(u32::MAX),
            full_after: Duration::from_nanos(until_full),
            next_after: Duration::from_nanos(missing),
        }
    }
}

/// The answer to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether the request may go on.
    pub allowed: bool,
    /// Requests that may follow at once.
    pub remaining: u32,
    /// Time until the bucket is full.
    pub full_after: Duration,
    /// Time until the next request will be let through; zero if one would be now.
    pub next_after: Duration,
}

/// Why a quota cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuotaError {
    /// No requests at all.
    Zero,
    /// More than a million requests a second.
    TooFast,
    /// An empty bucket would take more than 366 days to fill.
    TooSlow,
}

impl fmt::Display for QuotaError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Zero => "a quota has to allow at least one request",
            Self::TooFast => "a quota can allow at most a million requests a second",
            Self::TooSlow => "an empty bucket must be full again within 366 days",
        })
    }
}

impl std::error::Error for QuotaError {}
