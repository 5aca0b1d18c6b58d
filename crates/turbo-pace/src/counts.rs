//! Counters of calls that worker threads can share without sharing a cache line.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How many counters a [`Tally`] has. Threads beyond this number share one again, which is still exact.
const SHARDS: usize = 8;

/// How long [`RecentMax`] remembers: this long at least and twice as long at most, in nanoseconds.
const WINDOW: u64 = 60_000_000_000;

/// A counter that each thread adds to in a cache line of its own.
pub(crate) struct Tally([Shard; SHARDS]);

#[derive(Default)]
#[repr(align(64))]
struct Shard(AtomicU64);

thread_local! {
    static SHARD: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// The shard of the calling thread; threads take them in turn.
fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    SHARD.with(|shard| {
        if shard.get() == usize::MAX {
            shard.set(NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS);
        }
        shard.get()
    })
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| Shard::default()))
    }

    /// Counts one more.
    pub(crate) fn add(&self) {
        self.0[shard()].0.fetch_add(1, Ordering::Relaxed);
    }

    /// The count so far.
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|shard| shard.0.load(Ordering::Relaxed)).sum()
    }
}

/// The largest of the values noted lately.
///
/// Two windows that take turns: a value is forgotten when a whole window has passed without it. Notes
/// that race with the turn of a window may be dropped, which a figure for people to read can bear.
#[derive(Default)]
pub(crate) struct RecentMax {
    window: AtomicU64,
    current: AtomicU64,
    previous: AtomicU64,
}

impl RecentMax {
    /// Notes `value`, seen at `now` (nanoseconds of any clock that does not go back).
    pub(crate) fn note(&self, value: u64, now: u64) {
        let window = now / WINDOW;
        if self.window.load(Ordering::Relaxed) != window {
            self.turn(window);
        }
        // A load is shared between cores, a read-modify-write is not, and the maximum rarely changes.
        if value > self.current.load(Ordering::Relaxed) {
            self.current.fetch_max(value, Ordering::Relaxed);
        }
    }

    /// The largest value noted in the current window and the one before it; 0 without any.
    pub(crate) fn get(&self, now: u64) -> u64 {
        let current = self.current.load(Ordering::Relaxed);
        match (now / WINDOW).saturating_sub(self.window.load(Ordering::Relaxed)) {
            0 => current.max(self.previous.load(Ordering::Relaxed)),
            1 => current,
            _ => 0,
        }
    }

    #[cold]
    fn turn(&self, window: u64) {
        let last = self.window.load(Ordering::Relaxed);
        let newer = window > last;
        if newer && self.window.compare_exchange(last, window, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            let current = self.current.swap(0, Ordering::Relaxed);
            self.previous.store(if window == last + 1 { current } else { 0 }, Ordering::Relaxed);
        }
    }
}
