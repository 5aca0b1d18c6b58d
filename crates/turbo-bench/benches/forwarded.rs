//! The forwarding headers of one request.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "criterion's macros; a benchmark stops when it is wrong"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use http::HeaderMap;
use turbo_middleware::forwarded::{Protocol, TrustedProxies};

fn headers(forwarded_for: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [("host", "example.org"), ("user-agent", "bench"), ("accept", "*/*")] {
        headers.insert(name, value.parse().unwrap());
    }
    if let Some(value) = forwarded_for {
        headers.insert("x-forwarded-for", value.parse().unwrap());
        headers.insert("x-forwarded-proto", "https".parse().unwrap());
    }
    headers
}

fn forwarded(c: &mut Criterion) {
    let proxies = TrustedProxies::new(["127.0.0.1", "10.0.0.0/8", "fd00::/8"]);
    let cases = [
        ("absent", None, None),
        ("one_hop", Some("203.0.113.9"), Some("203.0.113.9")),
        ("two_proxies", Some("203.0.113.9:443, 10.0.0.7, 10.0.0.8"), Some("203.0.113.9")),
    ];
    let mut group = c.benchmark_group("forwarded");
    for (name, field, client) in cases {
        let headers = headers(field);
        group.bench_function(name, |b| {
            b.iter(|| {
                let seen = proxies.forwarded(true, black_box(&headers), Protocol::Http);
                assert_eq!(seen.client.as_ref().map(|(host, _)| host.as_str()), client);
                assert_eq!(seen.scheme, client.map(|_| "https"));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, forwarded);
criterion_main!(benches);
