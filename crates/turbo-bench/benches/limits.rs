//! What limits and metrics cost a request.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "criterion's macros; a benchmark stops when it is wrong"
)]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use http::{Method, StatusCode};
use turbo_middleware::concurrency_limit::Gate;
use turbo_middleware::metrics::{Format, Recorder};
use turbo_middleware::rate_limit::{Key, MemoryStore, Policy, Quota};

fn rate_limit(c: &mut Criterion) {
    let policy = Policy::new("bench", Quota::new(1_000_000_000, Duration::from_secs(3_600)).unwrap());
    let mut group = c.benchmark_group("rate_limit");
    for clients in [1_u32, 10_000] {
        let store = MemoryStore::default();
        let keys: Vec<Key> =
            (0..clients).map(|number| Key::address(IpAddr::V4(Ipv4Addr::from_bits(number)))).collect();
        let mut next = keys.iter().cycle();
        group.bench_function(format!("memory/{clients}_clients"), |b| {
            b.iter(|| assert!(store.take(&policy, black_box(next.next().unwrap())).allowed));
        });
    }
    group.finish();
}

fn gate(c: &mut Criterion) {
    let gate = Gate::new(512);
    c.bench_function("gate", |b| b.iter(|| assert!(black_box(&gate).enter().is_some())));
}

fn metrics(c: &mut Criterion) {
    let recorder = Recorder::new();
    let routes: Vec<String> = (0..100).map(|number| format!("/api/v1/resource{number}/{{id}}")).collect();
    let mut next = routes.iter().cycle();
    let time = Duration::from_micros(150);
    c.bench_function("metrics/record", |b| {
        b.iter(|| {
            let route = next.next().unwrap();
            recorder.record(black_box(&Method::GET), Some(route), Some(StatusCode::OK), time);
        });
    });
    c.bench_function("metrics/page_of_100_routes", |b| {
        b.iter(|| assert!(recorder.page(Format::Prometheus).len() > 10_000));
    });
}

criterion_group!(benches, rate_limit, gate, metrics);
criterion_main!(benches);
