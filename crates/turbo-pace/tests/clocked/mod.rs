//! A policy with a clock that only the test moves.

use turbo_pace::policy::{EVIDENCE, QUICK};
use turbo_pace::{Mode, Policy, Snapshot};

pub(crate) const MICROSECOND: u64 = 1_000;
pub(crate) const MILLISECOND: u64 = 1_000_000;
pub(crate) const SECOND: u64 = 1_000_000_000;

pub(crate) struct Clocked {
    pub(crate) policy: Policy,
    pub(crate) now: u64,
}

impl Clocked {
    pub(crate) fn new(mode: Mode) -> Self {
        Self { policy: Policy::new(mode), now: 17 * SECOND }
    }

    /// One that has just been promoted.
    pub(crate) fn promoted() -> Self {
        let mut clocked = Self::new(Mode::Adaptive);
        clocked.threaded(EVIDENCE, QUICK);
        assert!(clocked.policy.is_inline());
        clocked
    }

    /// `count` calls on the pool, one after the other, each of `elapsed` nanoseconds.
    pub(crate) fn threaded(&mut self, count: u32, elapsed: u64) {
        for _ in 0..count {
            self.now += elapsed;
            self.policy.threaded_call(self.now - elapsed, self.now);
        }
    }

    /// `count` inline calls, one after the other, each of `elapsed` nanoseconds.
    pub(crate) fn inline(&mut self, count: u32, elapsed: u64) {
        for _ in 0..count {
            self.now += elapsed;
            self.policy.inline_call(self.now - elapsed, self.now);
        }
    }

    /// One call of `elapsed` nanoseconds wherever the policy wants it; whether that was inline.
    pub(crate) fn call(&mut self, elapsed: u64) -> bool {
        let inline = self.policy.is_inline();
        if inline {
            self.inline(1, elapsed);
        } else {
            self.threaded(1, elapsed);
        }
        inline
    }

    pub(crate) fn wait(&mut self, nanoseconds: u64) {
        self.now += nanoseconds;
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.policy.snapshot(self.now)
    }
}
