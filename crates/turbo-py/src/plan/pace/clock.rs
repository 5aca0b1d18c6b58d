//! The clock of the measurements.

use std::sync::LazyLock;
use std::time::Instant;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Nanoseconds of the system's monotonic clock since the first call.
///
/// A pair of readings costs 47 ns; reading the time-stamp counter itself would cost 19, which one call
/// of a Python function does not repay with a second clock to calibrate.
pub(crate) fn now() -> u64 {
    // 584 years of nanoseconds fit.
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
