//! Where a sync callable runs: on the thread pool, or inline on the reactor's thread.
//!
//! A hop to the pool and back costs 70-90 microseconds of wall and CPU time (`anyio.to_thread.run_sync`
//! on an idle pool, Python 3.11 to 3.14), a quick handler 1-14. But a call that blocks inline holds up every other
//! request of its thread. So a callable begins on the pool and has to earn its place:
//!
//! - **promotion**: [`EVIDENCE`] calls on the pool in a row that took no longer than [`QUICK`] each;
//! - **demotion**: an inline call longer than [`SLOW`] has held up other requests. It is paid for from a credit of
//!   [`CREDIT_FIRST`], which grows by [`SHARE`] of the passing time up to [`CREDIT_MOST`]: a callable without a record is
//!   demoted by its first call of 5 ms, one that has been good for long may be slow once, since not every slow
//!   call is the callable's fault and a demotion costs too. A second slow call within [`PROBATION`] calls demotes in
//!   any case. Calls between [`SLUGGISH`] and [`SLOW`] hold nobody up for long, but when many are
//!   ([`SLUGGISH_LIMIT`]) the pool is no dearer;
//! - **penalty**: a demoted callable stays on the pool for [`RATIO`] times what it held up, and at least
//!   [`PENALTY_LEAST`]. Had it been inline for less than that, so that it held others up for more than one
//!   part in [`RATIO`] of the time, then also twice as long as the last time, up to [`PENALTY_MOST`]. With each second
//!   of penalty it needs [`EVIDENCE`] more quick calls, up to [`EVIDENCE_MOST`]. A callable that is slow now and
//!   then is so back on the pool for good after a few mistakes, while one that was unlucky is soon inline again;
//! - **forgiveness**: the last penalty is halved for each [`PATIENCE`] times its own length without another,
//!   and by a demotion that comes so late that others were not held up for more than their share.
//!
//! Time is passed in, in nanoseconds of any clock that does not go back: nothing here reads a clock.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::counts::{RecentMax, Tally};

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000 * MICROSECOND;
const SECOND: u64 = 1_000 * MILLISECOND;

/// A call on the pool up to this long speaks for running it inline: well below the cost of a hop.
pub const QUICK: u64 = 30 * MICROSECOND;
/// An inline call up to this long is in order: about what a hop would have cost.
pub const SLUGGISH: u64 = 100 * MICROSECOND;
/// An inline call beyond this has held up other requests.
pub const SLOW: u64 = MILLISECOND;
/// What slow calls may take soon after a promotion: the bound on the latency of other requests.
pub const CREDIT_FIRST: u64 = 5 * MILLISECOND;
/// What slow calls may take after a long time without one.
pub const CREDIT_MOST: u64 = 100 * MILLISECOND;
/// The credit grows by one part in this many of the passing time: with less than 1 % of the time held
/// up, the 99th percentile of the other requests does not notice.
pub const SHARE: u64 = 100;
/// Calls after a slow one during which another demotes.
pub const PROBATION: u32 = 256;
/// Quick calls in a row that promote a callable.
pub const EVIDENCE: u32 = 16;
/// The most quick calls in a row that a callable with a record of penalties needs.
pub const EVIDENCE_MOST: u32 = 1024;
/// Marks of sluggishness that demote. A sluggish call gives [`SLUGGISH_MARK`], any other takes one
/// away: eight in a row, or more than one call in five for a while.
pub const SLUGGISH_LIMIT: u32 = 32;
const SLUGGISH_MARK: u32 = 4;
/// How many times as long as it held up others a callable is penalised.
pub const RATIO: u64 = 200;
/// The shortest penalty.
pub const PENALTY_LEAST: u64 = SECOND;
/// The longest penalty.
pub const PENALTY_MOST: u64 = 300 * SECOND;
/// How many times its own length a penalty takes to be half forgiven.
pub const PATIENCE: u64 = 8;

/// What the user asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Learn from the calls.
    Adaptive,
    /// Always inline.
    Inline,
    /// Always on the pool.
    Threads,
}

impl Mode {
    /// The mode of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "adaptive" => Self::Adaptive,
            "inline" => Self::Inline,
            "threads" => Self::Threads,
            _ => return None,
        })
    }

    /// The name that [`parse`](Self::parse) knows it by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Adaptive => "adaptive",
            Self::Inline => "inline",
            Self::Threads => "threads",
        }
    }
}

/// Where a callable stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// On the pool, and watched.
    Threads,
    /// On the reactor's thread.
    Inline,
    /// On the pool, for this many nanoseconds at least.
    Demoted(u64),
}

/// What a policy has seen and decided so far.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    /// Where the next call goes.
    pub state: State,
    /// Calls that ran inline.
    pub inline_calls: u64,
    /// Calls that ran on the pool.
    pub threaded_calls: u64,
    /// Times that it was moved from the pool to the reactor's thread.
    pub promotions: u64,
    /// Times that it was moved back.
    pub demotions: u64,
    /// The longest call of the last one to two minutes, in nanoseconds.
    pub recent_max: u64,
}

/// The state machine of one callable; all of its methods may be called from any thread.
pub struct Policy {
    mode: Mode,
    inline: AtomicBool,
    /// Marks of sluggishness. This and the next are counted down without the lock: racing calls may count once.
    sluggish: AtomicU32,
    /// Calls until a slow one is forgotten.
    probation: AtomicU32,
    record: Mutex<Record>,
    inline_calls: Tally,
    threaded_calls: Tally,
    recent_max: RecentMax,
}

/// What decides about the next change; times are of the caller's clock.
#[derive(Default)]
struct Record {
    /// Quick calls on the pool since the last one that was not.
    quick: u32,
    /// Not inline before this time.
    until: u64,
    /// The length of the last penalty.
    penalty: u64,
    promoted_at: u64,
    /// What slow inline calls may still take, as of `credit_at`.
    credit: u64,
    credit_at: u64,
    promotions: u64,
    demotions: u64,
}

impl Policy {
    /// A callable without a past.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            inline: AtomicBool::new(mode == Mode::Inline),
            sluggish: AtomicU32::new(0),
            probation: AtomicU32::new(0),
            record: Mutex::default(),
            inline_calls: Tally::new(),
            threaded_calls: Tally::new(),
            recent_max: RecentMax::default(),
        }
    }

    /// The mode it was made with.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether the next call is to run inline. A demotion on another thread may be seen one call late.
    #[inline]
    pub fn is_inline(&self) -> bool {
        self.inline.load(Ordering::Relaxed)
    }

    /// Takes note of an inline call.
    #[inline]
    pub fn inline_call(&self, started: u64, ended: u64) {
        let elapsed = ended.saturating_sub(started);
        self.inline_calls.add();
        self.recent_max.note(elapsed, ended);
        if elapsed > SLUGGISH {
            self.long_inline_call(elapsed, ended);
        } else {
            count_down(&self.sluggish);
            count_down(&self.probation);
        }
    }

    /// Takes note of a call that ran on the pool; the times are those of its own run there, without the hop.
    pub fn threaded_call(&self, started: u64, ended: u64) {
        let elapsed = ended.saturating_sub(started);
        self.threaded_calls.add();
        self.recent_max.note(elapsed, ended);
        if self.mode != Mode::Adaptive {
            return;
        }
        let mut record = self.record();
        if elapsed > SLOW {
            record.quick = 0;
            if self.is_inline() {
                // It was on the pool while others of its kind earned the promotion. Nobody was held up.
                self.demote(&mut record);
            }
        } else if elapsed > QUICK {
            record.quick = record.quick.saturating_sub(EVIDENCE);
        } else {
            record.quick = record.quick.saturating_add(1);
        }
        if record.quick >= record.evidence() && ended >= record.until && !self.is_inline() {
            record.promoted_at = ended;
            record.promotions += 1;
            record.credit = CREDIT_FIRST;
            record.credit_at = ended;
            self.sluggish.store(0, Ordering::Relaxed);
            self.probation.store(0, Ordering::Relaxed);
            self.inline.store(true, Ordering::Relaxed);
        }
    }

    /// What there is to tell about it at `now`.
    pub fn snapshot(&self, now: u64) -> Snapshot {
        let record = self.record();
        Snapshot {
            state: if self.is_inline() {
                State::Inline
            } else if now < record.until {
                State::Demoted(record.until - now)
            } else {
                State::Threads
            },
            inline_calls: self.inline_calls.total(),
            threaded_calls: self.threaded_calls.total(),
            promotions: record.promotions,
            demotions: record.demotions,
            recent_max: self.recent_max.get(now),
        }
    }

    #[cold]
    fn long_inline_call(&self, elapsed: u64, now: u64) {
        if self.mode != Mode::Adaptive {
            return;
        }
        let mut record = self.record();
        if !self.is_inline() {
            // It began before the demotion, on another thread: the same mistake, at its own price.
            if elapsed >= CREDIT_FIRST {
                record.until = record.until.max(now.saturating_add(least_penalty(elapsed)));
            }
            return;
        }
        let held_up = if elapsed > SLOW {
            let earned = now.saturating_sub(elapsed).saturating_sub(record.credit_at) / SHARE;
            let credit = record.credit.saturating_add(earned).min(CREDIT_MOST);
            record.credit = credit.saturating_sub(elapsed);
            record.credit_at = now;
            if record.credit > 0 && self.probation.load(Ordering::Relaxed) == 0 {
                self.probation.store(PROBATION, Ordering::Relaxed);
                return;
            }
            elapsed
        } else {
            let marks = self.sluggish.load(Ordering::Relaxed).saturating_add(SLUGGISH_MARK);
            self.sluggish.store(marks, Ordering::Relaxed);
            if marks < SLUGGISH_LIMIT {
                return;
            }
            elapsed * u64::from(SLUGGISH_LIMIT / SLUGGISH_MARK)
        };
        let good = now.saturating_sub(record.promoted_at);
        let before = forgiven(record.penalty, good);
        let penalty =
            if good < held_up.saturating_mul(RATIO) { before.saturating_mul(2) } else { before / 2 };
        record.penalty = penalty.clamp(least_penalty(held_up), PENALTY_MOST);
        record.until = now.saturating_add(record.penalty);
        self.demote(&mut record);
    }

    fn demote(&self, record: &mut Record) {
        record.quick = 0;
        record.demotions += 1;
        self.inline.store(false, Ordering::Relaxed);
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        // Nothing panics while it is held, and every state of the record is a valid one.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    /// How many quick calls in a row promote.
    fn evidence(&self) -> u32 {
        let seconds = u32::try_from(self.penalty / SECOND).unwrap_or(u32::MAX);
        EVIDENCE.saturating_mul(seconds).clamp(EVIDENCE, EVIDENCE_MOST)
    }
}

fn count_down(counter: &AtomicU32) {
    let count = counter.load(Ordering::Relaxed);
    if count != 0 {
        counter.store(count - 1, Ordering::Relaxed);
    }
}

/// The penalty of a callable without a record.
fn least_penalty(held_up: u64) -> u64 {
    held_up.saturating_mul(RATIO).clamp(PENALTY_LEAST, PENALTY_MOST)
}

/// What is left of `penalty` after `good` nanoseconds without another.
fn forgiven(mut penalty: u64, mut good: u64) -> u64 {
    while penalty >= PENALTY_LEAST && good >= penalty.saturating_mul(PATIENCE) {
        good -= penalty.saturating_mul(PATIENCE);
        penalty /= 2;
    }
    if penalty < PENALTY_LEAST { 0 } else { penalty }
}
