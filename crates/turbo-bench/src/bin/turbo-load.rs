//! A load generator that checks every answer, for the end-to-end benchmarks in `benchmarks/`.
//!
//!     turbo-load PLAN.json
//!
//! The plan says what to send and what is right (`turbo_bench::load::plan`). One thread, so that it can be pinned to a
//! core. The result is one line of JSON on standard output, a list with an object for each server: `requests` (answered
//! and right), `wrong` (another status or body), `failed` (connections that broke), `connects` (connections opened while
//! counting), `unsent` (requests that were due and never sent, in an open loop), `received` (bytes of right bodies),
//! `seconds`, `cpu_seconds` (of the processes to watch), `turns` (requests and CPU seconds of each), `latency_us` with
//! the percentiles 50, 90, 99, 99.9 and 100, and `first_wrong`; or `error`, if a process to watch is gone.
#![forbid(unsafe_code)]

use std::io;

use serde_json::Value;
use tokio::runtime::{Builder, LocalOptions};
use turbo_bench::load::{plan::Plan, run::run};

fn main() -> io::Result<()> {
    let path = std::env::args().nth(1).ok_or_else(|| io::Error::other("usage: turbo-load PLAN.json"))?;
    // The plan lasts as long as the process.
    let plan: &'static Plan = Box::leak(serde_json::from_slice(&std::fs::read(path)?)?);
    if let Some(mistake) = plan.mistake() {
        return Err(io::Error::other(mistake));
    }
    let runtime =
        Builder::new_current_thread().enable_all().event_interval(8).build_local(LocalOptions::default())?;
    println!("{}", Value::from(runtime.block_on(run(plan))));
    Ok(())
}
