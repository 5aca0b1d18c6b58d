//! The set of peers whose forwarding headers are believed.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// The proxies whose forwarding headers count.
///
/// An entry is an IP address, a network (`10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `fd00::/8`), or any other text,
/// which is compared literally. A single `*` trusts everyone; beside other entries it is only a literal.
/// Addresses compare by value, so every spelling of an IPv6 address matches; an IPv4 address and its
/// IPv4-mapped IPv6 form are different, and an IPv6 zone (`%eth0`) counts for addresses, not for networks.
///
/// As in uvicorn no entry is an error: what is neither an address nor a network without host bits is a literal.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    everyone: bool,
    port: bool,
    hosts: HashSet<IpAddr>,
    zoned: HashSet<(Ipv6Addr, Box<str>)>,
    networks: Vec<IpNet>,
    literals: HashSet<Box<str>>,
}

impl TrustedProxies {
    /// The set that holds `entries`; empty, it trusts no one.
    pub fn new<I>(entries: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let mut set = Self::default();
        let mut count = 0_usize;
        for entry in entries {
            set.insert(entry.as_ref());
            count += 1;
        }
        set.everyone = count == 1 && set.literals.contains("*");
        set
    }

    /// The set of a comma-separated list, the form of an option or an environment variable.
    #[must_use]
    pub fn from_list(list: &str) -> Self {
        if list == "*" {
            return Self { everyone: true, ..Self::default() };
        }
        let mut set = Self::new(list.split(',').map(super::trim));
        // Only the bare `*` is the wild card; with white space around it uvicorn keeps it as a literal.
        set.everyone = false;
        set
    }

    /// Whether `X-Forwarded-Port` counts too; uvicorn does not know it, so the default is no.
    #[must_use]
    pub fn trust_port(mut self, trust: bool) -> Self {
        self.port = trust;
        self
    }

    pub(super) fn trusts_port(&self) -> bool {
        self.port
    }

    fn insert(&mut self, entry: &str) {
        if entry.contains('/') {
            if let Some(network) = network(entry) {
                self.networks.push(network);
                return;
            }
        } else if let Some((address, zone)) = address(entry) {
            match (address, zone) {
                (IpAddr::V6(address), Some(zone)) => self.zoned.insert((address, zone.into())),
                _ => self.hosts.insert(address),
            };
            return;
        }
        self.literals.insert(entry.into());
    }

    /// Whether every peer and every hop is trusted (`*`).
    #[must_use]
    pub fn trusts_everyone(&self) -> bool {
        self.everyone
    }

    /// Whether a peer is trusted: an address as text, a literal, or `None` for one without an address
    /// (the peer of a Unix socket), which only `*` trusts.
    #[must_use]
    pub fn trusts(&self, peer: Option<&str>) -> bool {
        if self.everyone {
            return true;
        }
        let Some(host) = peer.filter(|host| !host.is_empty()) else {
            return false;
        };
        match address(host) {
            Some((address, None)) => self.trusts_address(address),
            Some((IpAddr::V6(address), Some(zone))) => {
                self.in_network(address.into())
                    || self.zoned.iter().any(|(a, z)| *a == address && **z == *zone)
            }
            Some((IpAddr::V4(_), Some(_))) | None => self.literals.contains(host),
        }
    }

    /// [`trusts`](Self::trusts) for an address without a zone, which spares the parsing.
    #[must_use]
    pub fn trusts_address(&self, peer: IpAddr) -> bool {
        self.everyone || self.hosts.contains(&peer) || self.in_network(peer)
    }

    fn in_network(&self, peer: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&peer))
    }
}

/// An address with its IPv6 zone, in the syntax of Python's `ipaddress.ip_address`.
fn address(text: &str) -> Option<(IpAddr, Option<&str>)> {
    match text.split_once('%') {
        None => Some((text.parse().ok()?, None)),
        Some((_, zone)) if zone.is_empty() || zone.contains(['%', '/']) => None,
        Some((address, zone)) => Some((IpAddr::V6(address.parse().ok()?), Some(zone))),
    }
}

/// A network in the syntax of Python's `ipaddress.ip_network`; `None` if it has host bits.
fn network(text: &str) -> Option<IpNet> {
    let (base, mask) = text.split_once('/')?;
    let (base, _zone) = address(base)?;
    let length = match base {
        IpAddr::V4(_) => prefix_length(mask, 32).or_else(|| mask_length(mask))?,
        IpAddr::V6(_) => prefix_length(mask, 128)?,
    };
    let network = IpNet::new(base, length).ok()?;
    (network.addr() == network.network()).then_some(network)
}

fn prefix_length(text: &str, max: u8) -> Option<u8> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = text.trim_start_matches('0');
    let length = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    (length <= max).then_some(length)
}

/// The prefix length of a dotted netmask, or of a dotted host mask (its complement).
fn mask_length(text: &str) -> Option<u8> {
    let mask: Ipv4Addr = text.parse().ok()?;
    let netmask = |mask: Ipv4Addr| ipnet::ip_mask_to_prefix(IpAddr::V4(mask)).ok();
    netmask(mask).or_else(|| netmask(!mask))
}
