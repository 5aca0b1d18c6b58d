//! The rate limit against a real Redis, which each test starts for itself.
#![cfg(feature = "redis")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on")]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use turbo_middleware::rate_limit::{
    Key, Limiter, OnOutage, OutageEvent, Policy, Quota, RedisStore, Store, SystemClock, Verdict,
};

/// A server of our own, with a directory of its own.
struct Redis {
    process: Child,
    port: u16,
    folder: PathBuf,
}

impl Redis {
    fn start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::start_on(port)
    }

    fn start_on(port: u16) -> Option<Self> {
        let folder = std::env::temp_dir().join(format!("turbo-redis-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let started = Command::new("redis-server")
            .args([
                "--port",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                "--dir",
            ])
            .arg(&folder)
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut process) = started else {
            eprintln!("SKIPPED: redis-server is not installed (make system-deps)");
            return None;
        };
        let output = BufReader::new(process.stdout.take().unwrap());
        let ready =
            output.lines().map_while(Result::ok).any(|line| line.contains("Ready to accept connections"));
        assert!(ready, "redis-server ended");
        Some(Self { process, port, folder })
    }

    fn store(&self) -> RedisStore {
        RedisStore::new(&format!("redis://127.0.0.1:{}/", self.port)).unwrap()
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn policy(limit: u32, window: u64) -> Policy {
    Policy::new("test", Quota::new(limit, Duration::from_secs(window)).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_take_exactly_what_is_there() {
    let Some(redis) = Redis::start() else { return };
    let policy = policy(300, 3_600);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (store, policy) = (redis.store(), policy.clone());
            tokio::spawn(async move {
                let mut allowed = 0;
                for _ in 0..100 {
                    allowed += u32::from(store.take(&policy, &Key::text("one")).await.unwrap().allowed);
                }
                allowed
            })
        })
        .collect();
    let mut allowed = 0;
    for task in tasks {
        allowed += task.await.unwrap();
    }
    assert_eq!(allowed, 300);
}

#[tokio::test]
async fn says_what_a_bucket_in_memory_would() {
    let Some(redis) = Redis::start() else { return };
    let (store, policy) = (redis.store(), policy(4, 4_000));
    for remaining in (0..4).rev() {
        let decision = store.take(&policy, &Key::Unknown).await.unwrap();
        assert!(decision.allowed);
        assert_eq!(decision.remaining, remaining);
    }
    let decision = store.take(&policy, &Key::Unknown).await.unwrap();
    assert!(!decision.allowed);
    assert_eq!(decision.remaining, 0);
    let (next, full) = (decision.next_after.as_secs_f64(), decision.full_after.as_secs_f64());
    assert!((900.0..=1_000.0).contains(&next), "{next}");
    assert!((3_900.0..=4_000.0).contains(&full), "{full}");
}

#[tokio::test]
async fn keys_expire_and_hold_no_secret() {
    let Some(redis) = Redis::start() else { return };
    let policy = policy(4, 4_000);
    for key in [Key::text("secret"), Key::address("2001:db8::1".parse().unwrap())] {
        assert!(redis.store().take(&policy, &key).await.unwrap().allowed);
    }
    let client = redis::Client::open(format!("redis://127.0.0.1:{}/", redis.port)).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    keys.sort();
    assert_eq!(keys, ["turboapi:test:2001:db8::", "turboapi:test:2bb80d537b1da3e38bd30361aa855686"]);
    for key in keys {
        let left: i64 = redis::cmd("PTTL").arg(key).query_async(&mut connection).await.unwrap();
        assert!((900_000..=1_000_000).contains(&left), "{left}");
    }
}

#[tokio::test]
async fn a_killed_redis_means_the_policy_and_one_line() {
    for (on_outage, during) in
        [(OnOutage::Allow, Verdict::Admitted(None)), (OnOutage::Refuse, Verdict::Unavailable)]
    {
        let Some(mut redis) = Redis::start() else { return };
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        let limiter = Limiter::shared(policy(2, 3_600), redis.store()).on_outage(on_outage).outage_listener(
            SystemClock::default(),
            move |event: &OutageEvent<'_>| {
                lines.lock().unwrap().push(event.to_string());
            },
        );
        let check = || limiter.check(&Key::Unknown);
        assert!(matches!(check().await, Verdict::Admitted(Some(_))));
        assert!(matches!(check().await, Verdict::Admitted(Some(_))));
        assert!(matches!(check().await, Verdict::Refused(_)));

        redis.kill();
        for _ in 0..100 {
            assert_eq!(check().await, during);
        }
        assert_eq!(log.lock().unwrap().len(), 1, "{log:?}");

        let _again = Redis::start_on(redis.port).unwrap();
        while check().await == during {
            tokio::task::yield_now().await;
        }
        assert_eq!(log.lock().unwrap().len(), 2, "{log:?}");
    }
}

#[tokio::test]
async fn a_silent_redis_is_waited_for_no_longer_than_its_time() {
    // A socket that accepts and never answers, as a machine that hangs.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}/", listener.local_addr().unwrap());
    let store = RedisStore::with(&url, "test", Duration::from_millis(50)).unwrap();
    let limiter = Limiter::shared(policy(2, 3_600), store);
    assert_eq!(limiter.check(&Key::Unknown).await, Verdict::Admitted(None));
}
