use std::time::Duration;

use proptest::prelude::*;

use super::{SECOND, quota};
use crate::rate_limit::{Quota, QuotaError};

/// The bucket as it is drawn: tokens drip in, up to the brim.
struct Naive {
    /// Nanoseconds' worth of tokens.
    level: u64,
    at: u64,
}

impl Naive {
    fn take(&mut self, now: u64, interval: u64, burst: u32) -> bool {
        let capacity = interval * u64::from(burst);
        self.level = (self.level + (now - self.at)).min(capacity);
        self.at = now;
        let allowed = self.level >= interval;
        if allowed {
            self.level -= interval;
        }
        allowed
    }
}

proptest! {
    #[test]
    fn decides_as_a_bucket_with_drops(
        limit in 1..2_000_u32,
        window in 1..600_000_u64,
        burst in 1..50_u32,
        gaps in prop::collection::vec(prop_oneof![Just(0), 0..5_u64, 0..2 * SECOND, 0..5_000 * SECOND], 1..200),
    ) {
        prop_assume!(u64::from(limit) <= window * 1_000);
        let quota = Quota::new(limit, Duration::from_millis(window)).unwrap().burst(burst).unwrap();
        let interval = (window * 1_000_000).div_ceil(u64::from(limit));
        let mut naive = Naive { level: interval * u64::from(burst), at: 0 };
        let (mut now, mut full_at) = (0, 0);
        for gap in gaps {
            now += gap;
            let (decision, after) = quota.take(full_at, now);
            full_at = after;
            prop_assert_eq!(decision.allowed, naive.take(now, interval, burst));
            prop_assert_eq!(u64::from(decision.remaining), naive.level / interval);
            prop_assert_eq!(u64::try_from(decision.full_after.as_nanos()), Ok(interval * u64::from(burst) - naive.level));
            // The promise of Retry-After: nothing before it, one request at it.
            let wait = u64::try_from(decision.next_after.as_nanos()).unwrap();
            prop_assert!(quota.take(full_at, now + wait).0.allowed);
            prop_assert!(wait == 0 || !quota.take(full_at, now + wait - 1).0.allowed);
        }
    }

    #[test]
    fn never_lets_more_than_the_limit_through_a_window(
        limit in 1..500_u32,
        window in 1..100_u64,
        gaps in prop::collection::vec(0..SECOND, 50..400),
    ) {
        let quota = Quota::new(limit, Duration::from_secs(window)).unwrap().burst(1).unwrap();
        let (mut now, mut full_at, mut allowed) = (0, 0, Vec::new());
        for gap in gaps {
            now += gap;
            let (decision, after) = quota.take(full_at, now);
            full_at = after;
            if decision.allowed {
                allowed.push(now);
            }
        }
        for (first, start) in allowed.iter().enumerate() {
            let inside = allowed[first..].iter().take_while(|&&at| at < start + window * SECOND).count();
            prop_assert!(inside <= limit as usize);
        }
    }

    #[test]
    fn holds_with_any_times(full_at: u64, now: u64, limit in 1..u32::MAX, burst in 1..u32::MAX) {
        if let Ok(quota) = Quota::new(limit, Duration::from_secs(4_295)).and_then(|quota| quota.burst(burst)) {
            let (decision, _) = quota.take(full_at, now);
            prop_assert!(decision.remaining <= burst);
        }
    }
}

#[test]
fn a_bucket_forgets_a_longer_quotas_debt() {
    // Settings change while buckets live on: what was owed to the old quota must not lock a client out.
    let owed = 1_000_000 * SECOND;
    let (decision, _) = quota(10, 10).take(owed, 0);
    assert!(!decision.allowed);
    assert_eq!(decision.next_after, Duration::from_secs(1));
}

#[test]
fn impossible_quotas_are_refused() {
    let table = [
        (Quota::new(0, Duration::from_secs(1)), QuotaError::Zero),
        (Quota::new(1, Duration::ZERO), QuotaError::TooFast),
        (Quota::new(1_000_001, Duration::from_secs(1)), QuotaError::TooFast),
        (Quota::new(1, Duration::from_secs(367 * 86_400)), QuotaError::TooSlow),
        (Quota::new(1, Duration::MAX), QuotaError::TooSlow),
        (Quota::new(1, Duration::from_secs(86_400)).unwrap().burst(367), QuotaError::TooSlow),
        (Quota::new(1, Duration::from_secs(1)).unwrap().burst(0), QuotaError::Zero),
    ];
    for (quota, error) in table {
        assert_eq!(quota, Err(error));
    }
    for (limit, seconds) in [(1_000_000, 1), (1, 366 * 86_400), (u32::MAX, 366 * 86_400)] {
        assert!(Quota::new(limit, Duration::from_secs(seconds)).is_ok(), "{limit} in {seconds} s");
    }
}
