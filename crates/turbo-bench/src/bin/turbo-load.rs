//! A load generator that checks every answer, for the end-to-end benchmarks in `benchmarks/`.
//!
//!     turbo-load [--sleep] ADDRESS CONNECTIONS SECONDS REQUEST-FILE BODY-FILE [STATUS]
//!
//! Each connection sends the request, waits for the whole response, compares status (200 unless told) and body, and repeats.
//! One thread, so that it can be pinned to a core, and it never sleeps: on loopback a server would pay for waking
//! a client that waits in the kernel, which over a network it does not. `--sleep` lets it wait all the same, for
//! servers that need every core. The result is one line of JSON on standard output:
//! `requests` (answered and right), `wrong` (another status or body), `failed` (connections that broke),
//! `seconds`, and `latency_us` with the percentiles 50, 90, 99 and 100.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, LocalOptions};
use turbo_bench::response::{Response, parse};

/// Latencies are counted in buckets of one microsecond, up to this many.
const BUCKETS: usize = 200_000;

struct Totals {
    requests: u64,
    wrong: u64,
    failed: u64,
    latencies: Vec<u32>,
}

struct Plan {
    address: SocketAddr,
    request: Vec<u8>,
    body: Vec<u8>,
    status: u16,
    end: Instant,
}

fn main() -> io::Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let sleep = arguments.first().is_some_and(|first| first == "--sleep");
    if sleep {
        arguments.remove(0);
    }
    let [address, connections, seconds, request, body, status @ ..] = &arguments[..] else {
        return Err(invalid(
            "usage: turbo-load [--sleep] ADDRESS CONNECTIONS SECONDS REQUEST-FILE BODY-FILE [STATUS]",
        ));
    };
    let connections: usize = number(connections)?;
    let seconds: f64 = number(seconds)?;
    let start = Instant::now();
    let plan = Rc::new(Plan {
        address: address.parse().map_err(|_| invalid("the address is not IP:PORT"))?,
        request: std::fs::read(request)?,
        body: std::fs::read(body)?,
        status: status.first().map_or(Ok(200), |status| number(status))?,
        end: start + Duration::try_from_secs_f64(seconds).map_err(|_| invalid("seconds"))?,
    });
    let totals =
        Rc::new(RefCell::new(Totals { requests: 0, wrong: 0, failed: 0, latencies: vec![0; BUCKETS] }));
    let runtime =
        Builder::new_current_thread().enable_io().event_interval(8).build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let busy = tokio::task::spawn_local(async move {
            if !sleep {
                loop {
                    tokio::task::yield_now().await;
                }
            }
        });
        let tasks: Vec<_> = (0..connections)
            .map(|_| {
                let (plan, totals) = (Rc::clone(&plan), Rc::clone(&totals));
                tokio::task::spawn_local(async move {
                    if run(&plan, &totals).await.is_err() {
                        totals.borrow_mut().failed += 1;
                    }
                })
            })
            .collect();
        for task in tasks {
            let _ = task.await;
        }
        busy.abort();
    });
    let totals = totals.borrow();
    let percentiles = [0.5, 0.9, 0.99, 1.0].map(|share| percentile(&totals.latencies, share));
    println!(
        "{{\"requests\": {}, \"wrong\": {}, \"failed\": {}, \"seconds\": {:.6}, \
         \"latency_us\": {{\"50\": {}, \"90\": {}, \"99\": {}, \"100\": {}}}}}",
        totals.requests,
        totals.wrong,
        totals.failed,
        start.elapsed().as_secs_f64(),
        percentiles[0],
        percentiles[1],
        percentiles[2],
        percentiles[3],
    );
    Ok(())
}

async fn run(plan: &Plan, totals: &RefCell<Totals>) -> io::Result<()> {
    let mut stream = TcpStream::connect(plan.address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(16 * 1024);
    loop {
        let sent = Instant::now();
        if sent >= plan.end {
            return Ok(());
        }
        stream.write_all(&plan.request).await?;
        buffer.clear();
        let right = loop {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match parse(&buffer)? {
                None => {}
                Some(Response { status, body }) => break status == plan.status && body == &plan.body[..],
            }
        };
        let mut totals = totals.borrow_mut();
        let bucket = usize::try_from(sent.elapsed().as_micros()).unwrap_or(BUCKETS).min(BUCKETS - 1);
        totals.latencies[bucket] += 1;
        if right {
            totals.requests += 1;
        } else {
            totals.wrong += 1;
        }
    }
}

/// The bucket below which `share` of all measured latencies lie.
fn percentile(latencies: &[u32], share: f64) -> usize {
    let total: u64 = latencies.iter().copied().map(u64::from).sum();
    let mut seen = 0;
    for (bucket, count) in latencies.iter().enumerate() {
        seen += u64::from(*count);
        #[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
        if seen > 0 && seen as f64 >= total as f64 * share {
            return bucket;
        }
    }
    0
}

fn number<T: std::str::FromStr>(text: &str) -> io::Result<T> {
    text.parse().map_err(|_| invalid("a number was expected"))
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
