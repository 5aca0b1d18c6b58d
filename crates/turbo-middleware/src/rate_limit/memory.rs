//! Buckets in this process.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::clock::{Clock, SystemClock};
use super::key::Key;
use super::quota::Decision;
use super::store::Policy;

/// Parts of the map, each with its own lock. A power of two.
const SHARDS: usize = 16;
/// Buckets that a part may hold before the full ones among them are looked for.
const FIRST_SWEEP: usize = 64;

/// Buckets in this process, shared by the clones of a store.
///
/// Memory is bounded. A full bucket is no different from none, so full ones are dropped whenever a part of the
/// map has doubled. If more than `max_keys` buckets are not full, which takes as many clients at once, the half of
/// a part's that is closest to full is forgotten: whoever used most of a quota stays limited.
///
/// A bucket costs 24 bytes. Keys are kept as 128 bits of keyed hashes, so their length does not matter.
///
/// Every process counts for itself: with `n` worker processes a client may get up to `n` times the quota.
#[derive(Clone)]
pub struct MemoryStore {
    inner: Arc<Inner>,
}

struct Inner {
    shards: [Mutex<Shard>; SHARDS],
    keys: [RandomState; 2],
    clock: Box<dyn Clock>,
    max_per_shard: usize,
}

impl MemoryStore {
    /// The bound of [`default`](Self::default).
    pub const MAX_KEYS: usize = 131_072;

    /// A store for at most about `max_keys` buckets that are not full.
    #[must_use]
    pub fn new(max_keys: usize) -> Self {
        Self::with_clock(max_keys, SystemClock::default())
    }

    /// A store that goes by another clock.
    #[must_use]
    pub fn with_clock(max_keys: usize, clock: impl Clock) -> Self {
        let inner = Inner {
            shards: Default::default(),
            keys: [RandomState::new(), RandomState::new()],
            clock: Box::new(clock),
            max_per_shard: max_keys.div_ceil(SHARDS).max(2),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Takes a token at once.
    #[must_use]
    pub fn take(&self, policy: &Policy, key: &Key) -> Decision {
        let inner = &*self.inner;
        let id = inner.keys.each_ref().map(|state| state.hash_one((&*policy.name, key)));
        #[expect(clippy::cast_possible_truncation, reason = "any bits will do")]
        let shard = &inner.shards[id[1] as usize % SHARDS];
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock, or a slower thread would take its token at an earlier time than the one before it.
        let now = inner.clock.now();
        shard.take(policy, id, now, inner.max_per_shard)
    }

    /// Buckets in memory, of which some may be full by now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards().map(|shard| shard.full_at.len()).sum()
    }

    /// Whether there is no bucket in memory.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shards().all(|shard| shard.full_at.is_empty())
    }

    fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.inner.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(Self::MAX_KEYS)
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("MemoryStore").field("len", &self.len()).finish_non_exhaustive()
    }
}

type Id = [u64; 2];

struct Shard {
    full_at: HashMap<Id, u64, BuildHasherDefault<FirstHalf>>,
    sweep_at: usize,
}

impl Default for Shard {
    fn default() -> Self {
        Self { full_at: HashMap::default(), sweep_at: FIRST_SWEEP }
    }
}

impl Shard {
    fn take(&mut self, policy: &Policy, id: Id, now: u64, max: usize) -> Decision {
        if let Some(full_at) = self.full_at.get_mut(&id) {
            let (decision, after) = policy.quota.take(*full_at, now);
            *full_at = after;
            return decision;
        }
        if self.full_at.len() >= self.sweep_at.min(max) {
            self.sweep(now, max);
        }
        let (decision, after) = policy.quota.take(now, now);
        self.full_at.insert(id, after);
        decision
    }

    /// Drops full buckets, and half of the others if there are too many; then nothing is to do again until
    /// the part has doubled, which makes the cost of an insertion constant on average.
    fn sweep(&mut self, now: u64, max: usize) {
        self.full_at.retain(|_, full_at| *full_at > now);
        if self.full_at.len() > max / 2 {
            let mut times: Vec<u64> = self.full_at.values().copied().collect();
            let middle = times.len() / 2;
            let (_, &mut median, _) = times.select_nth_unstable(middle);
            // Many can have the same time, so counting and not comparing decides how many of them go.
            let mut excess = middle;
            self.full_at.retain(|_, full_at| {
                let goes = excess > 0 && *full_at <= median;
                excess -= usize::from(goes);
                !goes
            });
        }
        self.sweep_at = (self.full_at.len() * 2).max(FIRST_SWEEP);
        self.full_at.shrink_to(self.sweep_at);
    }
}

/// Takes the first 64 bits of an [`Id`], which is hashed already.
#[derive(Default)]
struct FirstHalf {
    hash: Option<u64>,
}

impl Hasher for FirstHalf {
    fn finish(&self) -> u64 {
        self.hash.unwrap_or_default()
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_ne_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.hash.get_or_insert(word);
    }

    fn write_usize(&mut self, _length: usize) {}
}
