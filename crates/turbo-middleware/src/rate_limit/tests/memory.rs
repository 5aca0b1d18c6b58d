use std::net::{IpAddr, Ipv4Addr};
use std::thread;

use super::{Hands, SECOND, quota};
use crate::rate_limit::{Key, MemoryStore, Policy};

fn key(number: u32) -> Key {
    Key::Address(IpAddr::V4(Ipv4Addr::from_bits(number)))
}

#[test]
fn threads_take_exactly_what_is_there() {
    let store = MemoryStore::with_clock(100, Hands::default().clock());
    let policy = Policy::new("exact", quota(500, 60));
    let allowed: Vec<usize> = thread::scope(|scope| {
        let take = || (0..200).filter(|_| store.take(&policy, &key(1)).allowed).count();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(take)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(allowed.iter().sum::<usize>(), 500);
}

#[test]
fn buckets_of_two_policies_are_apart() {
    let store = MemoryStore::with_clock(100, Hands::default().clock());
    let (one, other) = (Policy::new("one", quota(1, 60)), Policy::new("other", quota(1, 60)));
    assert!(store.take(&one, &key(1)).allowed);
    assert!(store.take(&other, &key(1)).allowed);
    assert!(!store.take(&one, &key(1)).allowed);
}

#[test]
fn full_buckets_are_dropped() {
    let hands = Hands::default();
    let store = MemoryStore::with_clock(1_000_000, hands.clock());
    let policy = Policy::new("idle", quota(10, 10));
    let mut most = 0;
    for number in 0..50_000 {
        assert!(store.take(&policy, &key(number)).allowed);
        // A second brings a token back, so a thousand keys are not full at any time.
        hands.advance(SECOND / 1_000);
        if number % 64 == 0 {
            most = most.max(store.len());
        }
    }
    assert!(most < 5_000, "{most} buckets for 1,000 that are not full");
}

#[test]
fn memory_is_bounded_and_the_busiest_stay_limited() {
    let store = MemoryStore::with_clock(1_600, Hands::default().clock());
    let policy = Policy::new("flood", quota(10, 3_600));
    let busy: Vec<Key> = (0..20).map(key).collect();
    for key in &busy {
        for _ in 0..10 {
            assert!(store.take(&policy, key).allowed);
        }
    }
    for number in 1_000..41_000 {
        assert!(store.take(&policy, &key(number)).allowed);
    }
    assert!(store.len() <= 1_600, "{}", store.len());
    for key in &busy {
        assert!(!store.take(&policy, key).allowed, "{key:?} has a new bucket");
    }
}
