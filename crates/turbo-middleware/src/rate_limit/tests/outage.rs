use std::future::ready;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::{Hands, SECOND, quota};
use crate::rate_limit::{Key, Limiter, OnOutage, OutageEvent, Policy, Store, StoreError, Taking, Verdict};

/// A store elsewhere that can be cut off.
#[derive(Clone, Default)]
struct Remote {
    gone: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl Store for Remote {
    fn take(&self, policy: &Policy, _key: &Key) -> Taking {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(ready(if self.gone.load(Ordering::Relaxed) {
            Err(StoreError::new("connection refused"))
        } else {
            Ok(policy.quota().take(0, 0).0)
        }))
    }
}

struct Case {
    on_outage: OnOutage,
    during: Verdict,
}

impl Case {
    async fn run(self) {
        let (hands, remote, log) = (Hands::default(), Remote::default(), Arc::new(Mutex::new(Vec::new())));
        let lines = Arc::clone(&log);
        let limiter = Limiter::shared(Policy::new("remote", quota(1, 1)), remote.clone())
            .on_outage(self.on_outage)
            .outage_listener(hands.clock(), move |event: &OutageEvent<'_>| {
                lines.lock().unwrap().push(event.to_string());
            });
        let check = || limiter.check(&Key::Unknown);

        assert!(matches!(check().await, Verdict::Admitted(Some(_))));
        remote.gone.store(true, Ordering::Relaxed);
        for _ in 0..5 {
            assert_eq!(check().await, self.during);
        }
        assert_eq!(
            remote.asked.load(Ordering::Relaxed),
            2,
            "nobody waits for a store that is known to be gone"
        );
        hands.advance(SECOND);
        for _ in 0..5 {
            assert_eq!(check().await, self.during);
        }
        assert_eq!(remote.asked.load(Ordering::Relaxed), 3, "one request a second tries again");
        remote.gone.store(false, Ordering::Relaxed);
        hands.advance(SECOND);
        for _ in 0..5 {
            assert!(matches!(check().await, Verdict::Admitted(Some(_))));
        }
        assert_eq!(
            *log.lock().unwrap(),
            [
                "the store of the rate limit does not answer: connection refused",
                "the store of the rate limit answers again after 2.0 s",
            ]
        );
    }
}

#[tokio::test]
async fn requests_go_on_uncounted() {
    Case { on_outage: OnOutage::Allow, during: Verdict::Admitted(None) }.run().await;
}

#[tokio::test]
async fn requests_are_refused() {
    Case { on_outage: OnOutage::Refuse, during: Verdict::Unavailable }.run().await;
}

#[test]
fn an_uncounted_refusal_is_a_503() {
    let limiter = Limiter::shared(Policy::new("remote", quota(1, 1)), Remote::default());
    let response = limiter.refusal(&Verdict::Unavailable).unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
}
