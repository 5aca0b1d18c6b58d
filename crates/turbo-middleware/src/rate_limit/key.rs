//! Whose requests are counted together.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderName;
use http::request::Parts;

use crate::forwarded::Client;

/// What a bucket belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A client, or the network that stands for one.
    Address(IpAddr),
    /// A header's value or what a function made of the request.
    Text(Arc<[u8]>),
    /// Everyone who could not be told apart.
    Unknown,
}

impl Key {
    /// The key of a text.
    #[must_use]
    pub fn text(text: impl AsRef<[u8]>) -> Self {
        Self::Text(text.as_ref().into())
    }

    /// The key of a client's address.
    ///
    /// IPv6 addresses count by their /64: that is what one subscriber gets, and who owns 2^64 addresses would
    /// otherwise own as many buckets. IPv4 in IPv6 (`::ffff:a.b.c.d`) is IPv4.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
        })
    }
}

/// Finds the key of a request.
///
/// Closures from `&Parts` to `Option<Key>` are extractors.
pub trait KeyExtractor: Send + Sync + 'static {
    /// The key; `None` exempts the request.
    fn key(&self, request: &Parts) -> Option<Key>;
}

impl<F: Fn(&Parts) -> Option<Key> + Send + Sync + 'static> KeyExtractor for F {
    fn key(&self, request: &Parts) -> Option<Key> {
        self(request)
    }
}

/// By the client's address, the [`Client`] in the request's extensions. Requests without one share a bucket.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByAddress;

impl KeyExtractor for ByAddress {
    fn key(&self, request: &Parts) -> Option<Key> {
        let Some(client) = request.extensions.get::<Client>() else { return Some(Key::Unknown) };
        // A proxy may write what is no address.
        Some(client.host.parse().map_or_else(|_| Key::text(&*client.host), Key::address))
    }
}

/// By the value of a header, such as an API key, and by the client's address where the header is missing.
///
/// Nothing checks the value: who may choose it freely has a new bucket for each choice. Use it for values
/// that something in front of this layer has verified.
#[derive(Clone, Debug)]
pub struct ByHeader(HeaderName);

impl ByHeader {
    /// Counts by the first value of `name`.
    #[must_use]
    pub fn new(name: HeaderName) -> Self {
        Self(name)
    }
}

impl KeyExtractor for ByHeader {
    fn key(&self, request: &Parts) -> Option<Key> {
        match request.headers.get(&self.0) {
            Some(value) => Some(Key::text(value)),
            None => ByAddress.key(request),
        }
    }
}
