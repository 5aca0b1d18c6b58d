//! Buckets in Redis, shared by processes and machines.

use std::fmt;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Script};
use sha2::{Digest, Sha256};

use super::key::Key;
use super::quota::Decision;
use super::store::{Policy, Store, StoreError, Taking};

/// Takes one token, in one step and by the server's clock, so that neither processes nor their clocks matter.
///
/// Times are microseconds, which the doubles of Lua hold exactly. The key expires when its bucket is full. Needs
/// Redis 5 or newer, where scripts that read the time may write.
const TAKE: &str = r"
local interval, capacity = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full_at = tonumber(redis.call('GET', KEYS[1]) or '0')
if full_at < now then full_at = now end
if full_at > now + capacity then full_at = now + capacity end
local after = full_at + interval
if after - now > capacity then return {0, full_at - now} end
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000))
return {1, after - now}
";

/// Buckets in one Redis server, or one that speaks its protocol and runs Lua (Valkey).
///
/// One connection, opened at the first request and again after a failure, carries the questions of all clones
/// at once. A clone must be used on the tokio runtime on which the first request was made.
///
/// Keys in Redis are `<prefix>:<policy>:<key>`. Addresses stand as they are; header values and what functions
/// return, which may be secret or long, as the first half of their SHA-256.
#[derive(Clone)]
pub struct RedisStore {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    connection: Mutex<Option<ConnectionManager>>,
    script: Script,
    prefix: String,
    timeout: Duration,
}

impl RedisStore {
    /// The time that [`new`](Self::new) gives Redis to answer.
    pub const TIMEOUT: Duration = Duration::from_millis(250);

    /// A store in the database of `url`: `redis://[user:password@]host[:port][/database]`, or
    /// `unix:///path/to/socket`. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// If the URL is none that the client understands; encrypted connections (`rediss`) are among those.
    pub fn new(url: &str) -> Result<Self, StoreError> {
        Self::with(url, "turboapi", Self::TIMEOUT)
    }

    /// The same with another prefix of keys and another time for Redis to answer, connecting included.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with(url: &str, prefix: &str, timeout: Duration) -> Result<Self, StoreError> {
        let client = Client::open(url).map_err(StoreError::new)?;
        let inner = Inner {
            client,
            connection: Mutex::new(None),
            script: Script::new(TAKE),
            prefix: prefix.to_owned(),
            timeout,
        };
        Ok(Self { inner: Arc::new(inner) })
    }
}

impl Inner {
    fn connection(&self) -> Result<ConnectionManager, StoreError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = &*connection {
            return Ok(connection.clone());
        }
        // Who asks decides when to try again, so the client need not.
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(self.timeout));
        let new =
            ConnectionManager::new_lazy_with_config(self.client.clone(), config).map_err(StoreError::new)?;
        Ok(connection.insert(new).clone())
    }

    async fn take(&self, policy: Policy, key: String) -> Result<Decision, StoreError> {
        let mut connection = self.connection()?;
        let quota = policy.quota;
        let interval = quota.interval().div_ceil(1_000);
        let capacity = interval * u64::from(quota.capacity());
        let mut invocation = self.script.key(key);
        invocation.arg(interval).arg(capacity);
        let answer = invocation.invoke_async::<(u8, u64)>(&mut connection);
        let answer = tokio::time::timeout(self.timeout, answer).await;
        let (allowed, until_full) = answer.map_err(StoreError::new)?.map_err(StoreError::new)?;
        let until_full = until_full.saturating_mul(1_000);
        Ok(quota.decision(allowed == 1, until_full, interval * 1_000))
    }

    fn key(&self, policy: &Policy, key: &Key) -> String {
        let mut name = format!("{}:{}:", self.prefix, policy.name);
        match key {
            Key::Address(address) => {
                // Writing to a string does not fail.
                let _ = write!(name, "{address}");
            }
            Key::Text(text) => {
                for byte in &Sha256::digest(text)[..16] {
                    let _ = write!(name, "{byte:02x}");
                }
            }
            Key::Unknown => name.push('-'),
        }
        name
    }
}

impl Store for RedisStore {
    fn take(&self, policy: &Policy, key: &Key) -> Taking {
        let inner = Arc::clone(&self.inner);
        let (policy, key) = (policy.clone(), inner.key(policy, key));
        Box::pin(async move { inner.take(policy, key).await })
    }
}

impl fmt::Debug for RedisStore {
    /// Without the URL, which may hold a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RedisStore").field("prefix", &self.inner.prefix).finish_non_exhaustive()
    }
}
