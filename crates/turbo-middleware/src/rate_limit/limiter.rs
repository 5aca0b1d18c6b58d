//! A limit without a service around it: what decides, and what to answer.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::clock::{Clock, SystemClock};
use super::fields::{FieldWriter, Fields};
use super::key::Key;
use super::memory::MemoryStore;
use super::outage::{Health, OnOutage, OutageEvent};
use super::quota::{Decision, Quota};
use super::store::{Policy, Store, Taking};

/// Counts requests by key. Clones share their buckets.
#[derive(Clone)]
pub struct Limiter {
    policy: Policy,
    buckets: Buckets,
    fields: FieldWriter,
    on_outage: OnOutage,
}

#[derive(Clone)]
enum Buckets {
    Here(MemoryStore),
    Elsewhere { store: Arc<dyn Store>, health: Arc<Health> },
}

impl Limiter {
    /// A limit of this process, named `default`.
    #[must_use]
    pub fn new(quota: Quota) -> Self {
        Self::in_memory(Policy::new("default", quota), MemoryStore::default())
    }

    /// A limit of this process.
    #[must_use]
    pub fn in_memory(policy: Policy, store: MemoryStore) -> Self {
        Self::over(policy, Buckets::Here(store))
    }

    /// A limit whose buckets are elsewhere, for several processes and machines.
    #[must_use]
    pub fn shared(policy: Policy, store: impl Store) -> Self {
        let health = Arc::new(Health::new(SystemClock::default()));
        Self::over(policy, Buckets::Elsewhere { store: Arc::new(store), health })
    }

    fn over(policy: Policy, buckets: Buckets) -> Self {
        let fields = FieldWriter::new(Fields::default(), &policy);
        Self { policy, buckets, fields, on_outage: OnOutage::default() }
    }

    /// Chooses the header fields of responses.
    #[must_use]
    pub fn fields(mut self, fields: Fields) -> Self {
        self.fields = FieldWriter::new(fields, &self.policy);
        self
    }

    /// Chooses what becomes of requests while the store does not answer.
    #[must_use]
    pub fn on_outage(mut self, on_outage: OnOutage) -> Self {
        self.on_outage = on_outage;
        self
    }

    /// Has `listener` told when an outage of a store elsewhere begins and when it ends, with the time by `clock`.
    #[must_use]
    pub fn outage_listener(
        mut self,
        clock: impl Clock,
        listener: impl Fn(&OutageEvent<'_>) + Send + Sync + 'static,
    ) -> Self {
        if let Buckets::Elsewhere { health, .. } = &mut self.buckets {
            *health = Arc::new(Health::new(clock).told(Box::new(listener)));
        }
        self
    }

    /// The quota and its name.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Takes a token of `key`.
    pub fn check(&self, key: &Key) -> Check {
        let state = match &self.buckets {
            Buckets::Here(store) => State::Decided(verdict(store.take(&self.policy, key))),
            Buckets::Elsewhere { store, health } if health.may_ask() => {
                State::Asked { answer: store.take(&self.policy, key), health: Arc::clone(health) }
            }
            Buckets::Elsewhere { .. } => State::Decided(self.on_outage.verdict()),
        };
        Check { state, on_outage: self.on_outage }
    }

    /// Adds the fields of an admitted request to its response's headers.
    pub fn describe(&self, headers: &mut HeaderMap, decision: &Decision) {
        self.fields.write(headers, decision);
    }

    /// The response of a request that may not go on; `None` if it may.
    #[must_use]
    pub fn refusal(&self, verdict: &Verdict) -> Option<Response<&'static str>> {
        let (status, text) = match verdict {
            Verdict::Admitted(_) => return None,
            Verdict::Refused(_) => (StatusCode::TOO_MANY_REQUESTS, "Too Many Requests"),
            Verdict::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        };
        let mut response = Response::new(text);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
        match verdict {
            Verdict::Refused(decision) => self.fields.write_refusal(headers, decision),
            _ => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(1));
            }
        }
        Some(response)
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Limiter")
            .field("policy", &self.policy)
            .field("shared", &matches!(self.buckets, Buckets::Elsewhere { .. }))
            .field("on_outage", &self.on_outage)
            .finish_non_exhaustive()
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on. Nothing is known of its bucket if the store did not answer.
    Admitted(Option<Decision>),
    /// Its bucket is empty: 429.
    Refused(Decision),
    /// The store does not answer and the policy is to refuse: 503.
    Unavailable,
}

impl OnOutage {
    fn verdict(self) -> Verdict {
        match self {
            Self::Allow => Verdict::Admitted(None),
            Self::Refuse => Verdict::Unavailable,
        }
    }
}

fn verdict(decision: Decision) -> Verdict {
    if decision.allowed { Verdict::Admitted(Some(decision)) } else { Verdict::Refused(decision) }
}

/// A verdict in the making; of buckets in memory it is there at once.
pub struct Check {
    state: State,
    on_outage: OnOutage,
}

enum State {
    Decided(Verdict),
    Asked { answer: Taking, health: Arc<Health> },
}

impl Future for Check {
    type Output = Verdict;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Verdict> {
        let on_outage = self.on_outage;
        match &mut self.state {
            State::Decided(verdict) => Poll::Ready(*verdict),
            State::Asked { answer, health } => Poll::Ready(match ready!(answer.as_mut().poll(cx)) {
                Ok(decision) => {
                    health.answered();
                    verdict(decision)
                }
                Err(error) => {
                    health.failed(&error);
                    on_outage.verdict()
                }
            }),
        }
    }
}
