//! One lookup: the last route, with and without parameters, and a path no route serves.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "criterion's macros; a benchmark stops when it is wrong"
)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use http::Method;
use turbo_bench::service_routes;
use turbo_router::Outcome;

fn lookup(c: &mut Criterion) {
    let mut group = c.benchmark_group("router");
    for count in [10, 100, 1000] {
        let router = service_routes(count).unwrap();
        let last = (count - 1) / 3;
        let paths = [
            ("static", format!("/api/v1/resource{last}"), Some(last * 3)),
            ("int", format!("/api/v1/resource{}/12345", last - 1), Some(last * 3 - 2)),
            ("two", format!("/api/v1/resource{}/12345/parts/left", last - 1), Some(last * 3 - 1)),
            ("none", "/api/v1/nothing/12345".to_owned(), None),
        ];
        for (name, path, want) in paths {
            group.bench_function(BenchmarkId::new(name, count), |b| {
                b.iter(|| {
                    let got = match router.at(&Method::GET, black_box(&path)) {
                        Outcome::Full(found) => Some(*found.value),
                        Outcome::Partial(_) | Outcome::None => None,
                    };
                    assert_eq!(got, want);
                });
            });
        }
    }
    group.finish();
}

fn build(c: &mut Criterion) {
    c.bench_function("router/build/1000", |b| b.iter(|| service_routes(black_box(1000)).unwrap()));
}

criterion_group!(benches, lookup, build);
criterion_main!(benches);
