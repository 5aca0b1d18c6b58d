//! What the benchmarks in `benches/` share.
//!
//! The benchmarks measure the Rust crates alone, without Python: no socket but in `transport`. Each asserts its
//! results inside the loop, so that a wrong answer is never timed; `cargo test --benches` runs each once.
//!
//! | bench | cases |
//! |---|---|
//! | `router` | one lookup in 10, 100 and 1,000 routes: static, with parameters, none; overlaps, hostile paths, building |
//! | `json` | JSON text of whole trees; decoding by others |
//! | `syntax` | queries, cookies, media types, and the typed values of one request |
//! | `forwarded` | the forwarding headers of one request |
//! | `middleware` | a request through each layer alone, and through all of them |
//! | `transport` | requests over loopback: short, from a browser, with a body, pipelined |
//!
//! A bench adds its cases to the suite in `benches/suite`, where criterion times them and, with `--count`, callgrind
//! counts their instructions. Other libraries at the same work are rivals: they stand beside ours in the report of
//! `make bench-micro`, which knows them by the last part of their ids, and are not counted.
//!
//! Comparisons of whole servers are in `benchmarks/` at the root of the repository, and its README says how all this
//! is run; their load generator is the binary `turbo-load`.
#![forbid(unsafe_code)]

pub mod load;
pub mod response;

use http::Method;
use turbo_router::{InsertError, Methods, Router};

/// `count` templates in the proportions of a REST service: of each resource a collection, an item, and a
/// subcollection.
pub fn service_templates(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| {
        let resource = number / 3;
        match number % 3 {
            0 => format!("/api/v1/resource{resource}"),
            1 => format!("/api/v1/resource{resource}/{{id:int}}"),
            _ => format!("/api/v1/resource{resource}/{{id:int}}/parts/{{part}}"),
        }
    })
}

/// A router of [`service_templates`]. The value of a route is its position.
///
/// # Errors
/// Never; the templates are well-formed.
pub fn service_routes(count: usize) -> Result<Router<usize>, InsertError> {
    let mut router = Router::new();
    for (number, template) in service_templates(count).enumerate() {
        router.insert(Methods::only([Method::GET]), &template, number)?;
    }
    Ok(router)
}

#[cfg(test)]
mod tests {
    use http::Method;
    use turbo_router::Outcome;

    #[test]
    fn every_route_is_found() {
        let router = super::service_routes(30).unwrap();
        for (path, number) in
            [("/api/v1/resource0", 0), ("/api/v1/resource9/7", 28), ("/api/v1/resource9/7/parts/x", 29)]
        {
            assert!(
                matches!(router.at(&Method::GET, path), Outcome::Full(found) if *found.value == number),
                "{path}"
            );
        }
    }
}
