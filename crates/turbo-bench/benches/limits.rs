//! The parts of limits and metrics that a request meets, without the services around them.
#![allow(clippy::unwrap_used, reason = "a benchmark stops when it is wrong")]

mod suite;

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use http::{Method, StatusCode};
use suite::Suite;
use turbo_middleware::concurrency_limit::Gate;
use turbo_middleware::metrics::{Format, Recorder};
use turbo_middleware::rate_limit::{Key, MemoryStore, Policy, Quota};

fn rate_limit(suite: &mut Suite) {
    let mut group = suite.group("rate_limit");
    let policy = Policy::new("bench", Quota::new(1_000_000_000, Duration::from_secs(3_600)).unwrap());
    for clients in [1_u32, 10_000] {
        let store = MemoryStore::default();
        let keys: Vec<Key> =
            (0..clients).map(|number| Key::address(IpAddr::V4(Ipv4Addr::from_bits(number)))).collect();
        let mut next = keys.iter().cycle();
        group.sized("take", clients as usize, || {
            assert!(store.take(&policy, black_box(next.next().unwrap())).allowed);
        });
    }
}

fn gate(suite: &mut Suite) {
    let gate = Gate::new(512);
    suite.group("gate").case("enter", || assert!(black_box(&gate).enter().is_some()));
}

fn metrics(suite: &mut Suite) {
    let mut group = suite.group("metrics");
    let recorder = Recorder::new();
    let routes: Vec<String> = (0..100).map(|number| format!("/api/v1/resource{number}/{{id}}")).collect();
    let time = Duration::from_micros(150);
    let record = |route: &String| {
        recorder.record(black_box(&Method::GET), Some(route), Some(StatusCode::OK), time);
    };
    routes.iter().for_each(record);
    let mut next = routes.iter().cycle();
    group.case("record", || record(next.next().unwrap()));
    group.case("page_of_100_routes", || assert!(recorder.page(Format::Prometheus).len() > 10_000));
}

fn main() {
    suite::run(&[rate_limit, gate, metrics]);
}
