//! All connections of one [`serve`](crate::serve()) call, and the sweep over them.
//!
//! Timeouts cost a request nothing: a connection notes the tick at which its phase began, and one task goes
//! over all connections once a tick. A tick is a quarter of the shortest timeout, between 10 ms and 1 s, so
//! a deadline is kept to within two ticks and never early. Ticks that a busy thread missed are not made up
//! for: the peer is not charged for our own delays.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io::IoSlice;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use crate::config::{Config, Refusal};
use crate::connection::{Phase, State, Verdict};
use crate::head::LastRead;
use crate::stats::Stats;

const MIN_TICK: Duration = Duration::from_millis(10);
const MAX_TICK: Duration = Duration::from_secs(1);
/// How long a peer that is still sending after our last response is listened to (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(2);

/// How long a draining server waits for the first byte on a connection that it has accepted: the client has been told
/// nothing else than that it is connected.
const NEWCOMER: Duration = Duration::from_secs(1);

pub(crate) struct Registry {
    connections: RefCell<Vec<Rc<State>>>,
    tick: Cell<u32>,
    draining: Cell<bool>,
    /// [`NEWCOMER`] in ticks.
    newcomer: Cell<u32>,
    /// Told when a connection is gone, for those who wait for room or for the end.
    released: Notify,
    /// Told when the first connection comes, so that an empty server needs no ticks.
    occupied: Notify,
    pub(crate) last_read: LastRead,
    /// Where a small response is put together.
    gather: RefCell<Vec<u8>>,
    pub(crate) refusal: Option<Refusal>,
    stats: Stats,
}

impl Registry {
    pub(crate) fn new(config: &Config) -> Rc<Self> {
        Rc::new(Self {
            connections: RefCell::default(),
            tick: Cell::new(0),
            draining: Cell::new(false),
            newcomer: Cell::new(1),
            released: Notify::new(),
            occupied: Notify::new(),
            last_read: LastRead::default(),
            gather: RefCell::default(),
            refusal: config.refusal.clone(),
            stats: config.stats().clone(),
        })
    }

    /// Calls `write` with all of `buffers` in one.
    #[inline]
    pub(crate) fn gathered<T>(&self, buffers: &[IoSlice<'_>], write: impl FnOnce(&[u8]) -> T) -> T {
        let mut all = self.gather.borrow_mut();
        all.clear();
        for buffer in buffers {
            all.extend_from_slice(buffer);
        }
        write(&all)
    }

    /// The current tick.
    #[inline]
    pub(crate) fn now(&self) -> u32 {
        self.tick.get()
    }

    pub(crate) fn len(&self) -> usize {
        self.connections.borrow().len()
    }

    /// Takes note of a connection until the result is dropped.
    pub(crate) fn register(&self, state: Rc<State>) -> Registration {
        let mut connections = self.connections.borrow_mut();
        state.index.set(connections.len());
        connections.push(Rc::clone(&state));
        if connections.len() == 1 {
            self.occupied.notify_one();
        }
        self.stats.connection_opened();
        Registration { state }
    }

    /// From now on every response is the last of its connection.
    pub(crate) fn drain(&self) {
        self.draining.set(true);
    }

    /// Whether a connection on which nothing was received is too young to be called idle.
    pub(crate) fn is_newcomer(&self, state: &State) -> bool {
        state.phase() == Phase::Fresh && state.age() <= self.newcomer.get()
    }

    #[inline]
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Decides the same for every connection.
    pub(crate) fn decide_all(&self, verdict: Verdict) {
        for state in self.connections.borrow().iter() {
            state.decide(verdict);
        }
    }

    /// Waits until fewer than `limit` connections are left.
    pub(crate) async fn below(&self, limit: usize) {
        while self.len() >= limit {
            self.released.notified().await;
        }
    }

    pub(crate) fn accept_failed(&self) {
        self.stats.accept_failed();
    }

    /// Enforces the timeouts of `config` for as long as it is polled.
    pub(crate) async fn sweep(&self, config: &Config) -> Infallible {
        let shortest =
            [Some(config.keep_alive_timeout), Some(config.header_read_timeout), config.write_stall_timeout]
                .into_iter()
                .flatten()
                .min()
                .unwrap_or(MAX_TICK);
        let tick = (shortest / 4).clamp(MIN_TICK, MAX_TICK);
        let limits = Limits {
            keep_alive: in_ticks(config.keep_alive_timeout, tick),
            header_read: in_ticks(config.header_read_timeout, tick),
            write_stall: config.write_stall_timeout.map(|timeout| in_ticks(timeout, tick)),
            linger: in_ticks(LINGER, tick),
        };
        self.newcomer.set(in_ticks(NEWCOMER, tick));
        let mut interval = tokio::time::interval(tick);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if self.len() == 0 {
                self.occupied.notified().await;
                interval.reset();
            }
            interval.tick().await;
            self.tick.set(self.tick.get().wrapping_add(1));
            for state in self.connections.borrow().iter() {
                limits.judge(state);
            }
        }
    }
}

/// A duration in ticks, rounded up.
fn in_ticks(duration: Duration, tick: Duration) -> u32 {
    u32::try_from(duration.as_nanos().div_ceil(tick.as_nanos())).unwrap_or(u32::MAX - 1)
}

/// The timeouts in ticks. A phase is over time when it is older than its limit: the tick in which it
/// began counts as a whole one, though it was only a part.
struct Limits {
    keep_alive: u32,
    header_read: u32,
    write_stall: Option<u32>,
    linger: u32,
}

impl Limits {
    fn judge(&self, state: &State) {
        let limit = match state.phase() {
            Phase::Idle => self.keep_alive,
            Phase::Fresh if state.registry.is_draining() => state.registry.newcomer.get(),
            Phase::Fresh | Phase::ReadingHead => self.header_read,
            Phase::Lingering => self.linger,
            Phase::InFlight | Phase::Finishing | Phase::Upgraded => {
                let stalled = state.stalled_for();
                if self.write_stall.zip(stalled).is_some_and(|(limit, age)| age > limit) {
                    state.decide(Verdict::Abort);
                }
                return;
            }
        };
        if state.age() > limit {
            state.expire();
        }
    }
}

/// Keeps a connection in the registry.
pub(crate) struct Registration {
    state: Rc<State>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let registry = &self.state.registry;
        let mut connections = registry.connections.borrow_mut();
        let index = self.state.index.get();
        if index < connections.len() {
            connections.swap_remove(index);
            if let Some(moved) = connections.get(index) {
                moved.index.set(index);
            }
        }
        registry.stats.connection_closed();
        registry.released.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::ConnectionInfo;
    use crate::listener::Address;

    fn connection(registry: &Rc<Registry>, id: u64) -> Rc<State> {
        let info = ConnectionInfo::new(id, Address::Unix(None), Address::Unix(None));
        Rc::new(State::new(Rc::clone(registry), info))
    }

    #[test]
    fn removal_keeps_the_positions_of_the_rest() {
        let registry = Registry::new(&Config::default());
        let mut registrations: Vec<_> =
            (0..4).map(|id| registry.register(connection(&registry, id))).collect();
        registrations.remove(0);
        registrations.remove(1);
        assert_eq!(registry.len(), 2);
        for (index, state) in registry.connections.borrow().iter().enumerate() {
            assert_eq!(state.index.get(), index);
        }
        drop(registrations);
        assert_eq!(registry.len(), 0);
        assert_eq!(registry.stats.open_connections(), 0);
    }

    #[test]
    fn ticks_round_up() {
        let tick = Duration::from_millis(250);
        assert_eq!(in_ticks(Duration::from_secs(1), tick), 4);
        assert_eq!(in_ticks(Duration::from_millis(1001), tick), 5);
        assert_eq!(in_ticks(Duration::MAX, tick), u32::MAX - 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_phase_expires_after_its_timeout_and_not_before() {
        let timeout = Duration::from_secs(2);
        let config = Config::builder().keep_alive_timeout(timeout).build().unwrap();
        let registry = Registry::new(&Config::default());
        let state = connection(&registry, 1);
        let _registration = registry.register(Rc::clone(&state));
        state.enter(Phase::Idle);
        let expired = async {
            let start = tokio::time::Instant::now();
            while !state.is_expired() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            start.elapsed()
        };
        let elapsed = tokio::select! {
            elapsed = expired => elapsed,
            never = registry.sweep(&config) => match never {},
        };
        assert!(elapsed >= timeout, "{elapsed:?}");
        assert!(elapsed <= timeout + Duration::from_millis(1100), "{elapsed:?}");
    }
}
