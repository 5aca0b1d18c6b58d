//! Where buckets are kept.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::key::Key;
use super::quota::{Decision, Quota};

/// A quota and the name that sets its buckets apart from those of other limits in the same store.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Appears in the `RateLimit` fields, so it is of letters, digits, `-`, `_` and `.`.
    pub(super) name: Arc<str>,
    /// How much is allowed.
    pub(super) quota: Quota,
}

impl Policy {
    /// Names a quota. Characters other than ASCII letters, digits, `-`, `_` and `.` become `_`.
    #[must_use]
    pub fn new(name: &str, quota: Quota) -> Self {
        let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
        Self { name: name.chars().map(plain).collect::<String>().into(), quota }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The quota.
    #[must_use]
    pub fn quota(&self) -> &Quota {
        &self.quota
    }
}

/// A decision of a store in the making.
pub type Taking = Pin<Box<dyn Future<Output = Result<Decision, StoreError>> + Send>>;

/// Keeps buckets outside of this process.
///
/// A store that failed is not asked again for a second; see [`OnOutage`](super::OnOutage).
pub trait Store: Send + Sync + 'static {
    /// Takes a token from the bucket of `key`.
    ///
    /// This is atomic: of `n` requests at once on a bucket with `m` tokens exactly `m` are allowed.
    fn take(&self, policy: &Policy, key: &Key) -> Taking;
}

/// A store did not answer.
#[derive(Debug)]
pub struct StoreError(Box<dyn Error + Send + Sync>);

impl StoreError {
    /// Wraps what went wrong.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}
