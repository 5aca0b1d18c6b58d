//! The header fields that tell a client its limits.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::quota::Decision;
use super::store::Policy;

/// Which fields go into responses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fields {
    /// `RateLimit-Policy: "default";q=100;w=60` and `RateLimit: "default";r=97;t=2`, of
    /// draft-ietf-httpapi-ratelimit-headers-10, the latest.
    #[default]
    Draft10,
    /// `RateLimit-Limit: 100`, `RateLimit-Remaining: 97`, `RateLimit-Reset: 2` and `RateLimit-Policy: 100;w=60`, of
    /// draft-ietf-httpapi-ratelimit-headers-06, which more clients know.
    Draft06,
    /// None; a refusal still has `Retry-After`.
    Off,
}

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// The fields of one limit; what never changes is written once.
#[derive(Clone, Debug)]
pub(super) struct FieldWriter {
    fields: Fields,
    name: std::sync::Arc<str>,
    policy: Option<HeaderValue>,
    capacity: HeaderValue,
}

impl FieldWriter {
    pub(super) fn new(fields: Fields, policy: &Policy) -> Self {
        let (name, quota) = (policy.name(), policy.quota());
        // Whole seconds, at least one: `w` is an integer in both drafts.
        let window = quota.window().as_millis().div_ceil(1000).max(1);
        let text = match fields {
            Fields::Draft10 => Some(format!("\"{name}\";q={};w={window}", quota.limit())),
            Fields::Draft06 => Some(format!("{};w={window}", quota.limit())),
            Fields::Off => None,
        };
        Self {
            fields,
            name: name.into(),
            policy: text.and_then(|text| HeaderValue::try_from(text).ok()),
            capacity: HeaderValue::from(quota.capacity()),
        }
    }

    /// Adds the fields of a decision. Appended, so that several limits on one response can all be read.
    pub(super) fn write(&self, headers: &mut HeaderMap, decision: &Decision) {
        let Some(policy) = &self.policy else { return };
        headers.append(POLICY, policy.clone());
        // To the second, upwards: a client that waits for so long finds what was promised.
        let reset = seconds(decision.full_after);
        if self.fields == Fields::Draft10 {
            let text = format!("\"{}\";r={};t={reset}", self.name, decision.remaining);
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.append(RATE_LIMIT, value);
            }
            return;
        }
        headers.append(LIMIT, self.capacity.clone());
        headers.append(REMAINING, HeaderValue::from(decision.remaining));
        headers.append(RESET, HeaderValue::from(reset));
    }

    /// Adds the fields of a refusal: those above, and when to come back (RFC 9110 10.2.3).
    pub(super) fn write_refusal(&self, headers: &mut HeaderMap, decision: &Decision) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(decision.next_after).max(1)));
        self.write(headers, decision);
    }
}

fn seconds(time: std::time::Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
