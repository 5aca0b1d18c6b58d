//! The forwarding headers of one request.
#![allow(clippy::unwrap_used, reason = "a benchmark stops when it is wrong")]

mod suite;

use std::hint::black_box;

use http::HeaderMap;
use suite::Suite;
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

fn forwarded(suite: &mut Suite) {
    let proxies = TrustedProxies::new(["127.0.0.1", "10.0.0.0/8", "fd00::/8"]);
    let cases = [
        ("absent", None, None),
        ("one_hop", Some("203.0.113.9"), Some("203.0.113.9")),
        ("two_proxies", Some("203.0.113.9:443, 10.0.0.7, 10.0.0.8"), Some("203.0.113.9")),
    ];
    let mut group = suite.group("forwarded");
    for (name, field, client) in cases {
        let headers = headers(field);
        group.case(name, || {
            let seen = proxies.forwarded(true, black_box(&headers), Protocol::Http);
            assert_eq!(seen.client.as_ref().map(|(host, _)| host.as_str()), client);
            assert_eq!(seen.scheme, client.map(|_| "https"));
        });
    }
}

fn main() {
    suite::run(&[forwarded]);
}
