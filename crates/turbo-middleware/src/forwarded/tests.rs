use std::convert::Infallible;
use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use proptest::prelude::*;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::{Client, Forwarded, ForwardedLayer, Protocol, Scheme, TrustedProxies};

/// One request from a trusted peer: what is trusted, the header fields, and what uvicorn makes of them.
struct Case<'a> {
    trusted: &'a [&'a str],
    fields: &'a [(&'static str, &'a [u8])],
    client: Option<(&'a str, i64)>,
}

impl Case<'_> {
    fn run(&self) {
        let proxies = TrustedProxies::new(self.trusted);
        let got = proxies.forwarded(true, &headers(self.fields), Protocol::Http);
        let want = self.client.map(|(host, port)| (host.to_owned(), port));
        assert_eq!(got.client, want, "trusted {:?}, fields {:?}", self.trusted, self.fields);
    }
}

fn headers(fields: &[(&'static str, &[u8])]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        map.append(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
    }
    map
}

const LOCAL: &[&str] = &["127.0.0.1"];
const XFF: &str = "x-forwarded-for";

#[test]
fn last_untrusted_hop_is_the_client() {
    type Row = (&'static [&'static str], &'static [u8], Option<(&'static str, i64)>);
    let table: &[Row] = &[
        (LOCAL, b"1.2.3.4", Some(("1.2.3.4", 0))),
        (LOCAL, b"1.2.3.4, 5.6.7.8", Some(("5.6.7.8", 0))),
        (LOCAL, b"1.2.3.4, 127.0.0.1", Some(("1.2.3.4", 0))),
        (&["127.0.0.1", "10.0.0.0/8"], b"1.2.3.4,10.0.0.2 ,\t10.9.9.9", Some(("1.2.3.4", 0))),
        // Every hop is trusted: the first one is the client.
        (&["10.0.0.0/8"], b"10.0.0.1, 10.0.0.2:99", Some(("10.0.0.1", 0))),
        (&["10.0.0.0/8"], b"10.0.0.1:7, 10.0.0.2:99", Some(("10.0.0.1", 7))),
        (&["*"], b"1.2.3.4:5, 10.0.0.2", Some(("1.2.3.4", 5))),
        // `*` beside others is only a literal.
        (&["*", "127.0.0.1"], b"1.2.3.4, *", Some(("1.2.3.4", 0))),
        (&["proxy"], b"1.2.3.4, proxy", Some(("1.2.3.4", 0))),
        // An empty hop is untrusted and names no one (uvicorn#1068).
        (LOCAL, b"", None),
        (LOCAL, b"1.2.3.4,", None),
        (LOCAL, b"1.2.3.4, ,127.0.0.1", None),
        (&["*"], b", 1.2.3.4", None),
        (LOCAL, b"[]", None),
        (LOCAL, b":80", None),
        // Header bytes are ISO-8859-1, and a no-break space is white space.
        (LOCAL, b"h\xf6st:1", Some(("h\u{f6}st", 1))),
        (LOCAL, b"\xa01.2.3.4\xa0", Some(("1.2.3.4", 0))),
    ];
    for &(trusted, value, client) in table {
        Case { trusted, fields: &[(XFF, value)], client }.run();
    }
}

#[test]
fn several_fields_are_one_list() {
    // DEMANDS trap 31: uvicorn 0.49 reads all fields, 0.48 only the last.
    Case {
        trusted: LOCAL,
        fields: &[(XFF, b"9.9.9.9"), (XFF, b"1.2.3.4"), (XFF, b"127.0.0.1")],
        client: Some(("1.2.3.4", 0)),
    }
    .run();
    Case { trusted: &["*"], fields: &[(XFF, b"9.9.9.9:1"), (XFF, b"1.2.3.4")], client: Some(("9.9.9.9", 1)) }
        .run();
    Case { trusted: &["*"], fields: &[(XFF, b""), (XFF, b"1.2.3.4")], client: None }.run();
}

#[test]
fn hosts_and_ports() {
    let table: &[(&[u8], &str, i64)] = &[
        (b"1.2.3.4:8080", "1.2.3.4", 8080),
        (b"[2001:db8::1]:8080", "2001:db8::1", 8080),
        (b"[2001:db8::1]", "2001:db8::1", 0),
        (b"2001:db8::1", "2001:db8::1", 0),
        (b"[2001:db8::1", "[2001:db8::1", 0),
        (b"[2001:db8::1]x", "[2001:db8::1]x", 0),
        (b"[2001:db8::1]:x", "2001:db8::1", 0),
        (b"1.2.3.4:x", "1.2.3.4:x", 0),
        (b"1.2.3.4:", "1.2.3.4:", 0),
        // What Python's int() takes.
        (b"1.2.3.4: 80", "1.2.3.4", 80),
        (b"1.2.3.4:+80", "1.2.3.4", 80),
        (b"1.2.3.4:-80", "1.2.3.4", -80),
        (b"1.2.3.4:8_0", "1.2.3.4", 80),
        (b"1.2.3.4:008", "1.2.3.4", 8),
        (b"1.2.3.4:99999", "1.2.3.4", 99999),
        (b"1.2.3.4:8__0", "1.2.3.4:8__0", 0),
        (b"1.2.3.4:_8", "1.2.3.4:_8", 0),
        (b"1.2.3.4:8_", "1.2.3.4:8_", 0),
        (b"1.2.3.4:+", "1.2.3.4:+", 0),
        (b"1.2.3.4:\xb2", "1.2.3.4:\u{b2}", 0),
        // The documented difference.
        (b"1.2.3.4:99999999999999999999", "1.2.3.4:99999999999999999999", 0),
    ];
    for (value, host, port) in table {
        let got = TrustedProxies::new(LOCAL).forwarded(true, &headers(&[(XFF, value)]), Protocol::Http);
        assert_eq!(got.client, Some(((*host).to_owned(), *port)), "{value:?}");
    }
}

#[test]
fn scheme_is_the_last_known_one() {
    type Row = (&'static [&'static [u8]], Option<&'static str>, Option<&'static str>);
    let cases: &[Row] = &[
        (&[b"https"], Some("https"), Some("wss")),
        (&[b"http"], Some("http"), Some("ws")),
        (&[b"ws"], Some("ws"), Some("ws")),
        (&[b"wss"], Some("wss"), Some("wss")),
        (&[b" https\t"], Some("https"), Some("wss")),
        (&[b"HTTPS"], None, None),
        (&[b"ftp"], None, None),
        (&[b""], None, None),
        (&[b"http", b"https"], Some("https"), Some("wss")),
        (&[b"https", b"x"], None, None),
        (&[], None, None),
    ];
    for (values, http, websocket) in cases {
        let fields: Vec<_> = values.iter().map(|value| ("x-forwarded-proto", *value)).collect();
        let map = headers(&fields);
        let proxies = TrustedProxies::new(LOCAL);
        assert_eq!(proxies.forwarded(true, &map, Protocol::Http).scheme, *http, "{values:?}");
        assert_eq!(proxies.forwarded(true, &map, Protocol::WebSocket).scheme, *websocket, "{values:?}");
    }
}

#[test]
fn an_untrusted_peer_changes_nothing() {
    let map = headers(&[(XFF, b"1.2.3.4"), ("x-forwarded-proto", b"https")]);
    let got = TrustedProxies::new(LOCAL).forwarded(false, &map, Protocol::Http);
    assert_eq!(got, Forwarded::default());
}

#[test]
fn trust_in_peers() {
    let table: &[(&[&str], &str, bool)] = &[
        (LOCAL, "127.0.0.1", true),
        (LOCAL, "127.0.0.2", false),
        (LOCAL, "::ffff:127.0.0.1", false),
        (LOCAL, "", false),
        (LOCAL, "localhost", false),
        (&["localhost"], "localhost", true),
        (&["2001:db8::1"], "2001:0DB8:0:0::0001", true),
        (&["fe80::1"], "fe80::1%eth0", false),
        (&["fe80::1%eth0"], "fe80::1%eth0", true),
        (&["fe80::1%eth0"], "fe80::1%eth1", false),
        (&["fe80::1%eth0"], "fe80::1", false),
        (&["fe80::/10"], "fe80::1%eth0", true),
        (&["fe80::%eth0/10"], "fe80::1", true),
        (&["fd00::/8"], "fd12::1", true),
        (&["fd00::/8"], "10.0.0.1", false),
        (&["0.0.0.0/0"], "9.9.9.9", true),
        (&["0.0.0.0/0"], "::1", false),
        (&["10.0.0.0/255.0.0.0"], "10.1.2.3", true),
        (&["10.0.0.0/0.255.255.255"], "10.1.2.3", true),
        (&["10.0.0.0/255.0.255.0"], "10.1.2.3", false),
        (&["10.0.0.0/008"], "10.1.2.3", true),
        (&["10.0.0.0/33"], "10.0.0.0", false),
        (&["10.0.0.0/"], "10.0.0.0/", true),
        // Host bits make a literal, which no address equals.
        (&["10.0.0.1/8"], "10.0.0.1", false),
        (&["10.0.0.1/8"], "10.0.0.1/8", true),
        (&["10.0.0.0/8/8"], "10.0.0.0", false),
        (&["010.0.0.1"], "10.0.0.1", false),
        (&["*"], "anything", true),
        (&["*", "127.0.0.1"], "1.1.1.1", false),
        (&["*", "127.0.0.1"], "*", true),
        (&[], "127.0.0.1", false),
    ];
    for (entries, peer, trusted) in table {
        assert_eq!(TrustedProxies::new(*entries).trusts(Some(peer)), *trusted, "{entries:?} and {peer}");
    }
}

#[test]
fn a_peer_without_an_address_is_trusted_only_by_the_wild_card() {
    assert!(!TrustedProxies::new(LOCAL).trusts(None));
    assert!(!TrustedProxies::new(["*", "unix:"]).trusts(None));
    assert!(TrustedProxies::new(["*"]).trusts(None));
}

#[test]
fn lists_are_split_at_commas() {
    let set = TrustedProxies::from_list("127.0.0.1, 10.0.0.0/8 ,proxy");
    assert!(set.trusts(Some("127.0.0.1")) && set.trusts(Some("10.1.1.1")) && set.trusts(Some("proxy")));
    assert!(TrustedProxies::from_list("*").trusts_everyone());
    assert!(!TrustedProxies::from_list(" *").trusts_everyone());
    assert!(!TrustedProxies::from_list("*,1.1.1.1").trusts_everyone());
}

#[test]
fn the_port_counts_where_it_is_asked_for() {
    let table: &[(&[&[u8]], Option<u16>)] = &[
        (&[b"443"], Some(443)),
        (&[b" 8443\t"], Some(8443)),
        (&[b"80", b"443"], Some(443)),
        (&[b"443", b"x"], None),
        (&[b"0"], None),
        (&[b"65535"], Some(65535)),
        (&[b"65536"], None),
        (&[b"+443"], None),
        (&[b"443, 80"], None),
        (&[b""], None),
        (&[], None),
    ];
    for (values, port) in table {
        let fields: Vec<_> = values.iter().map(|value| ("x-forwarded-port", *value)).collect();
        let map = headers(&fields);
        let asked = TrustedProxies::new(LOCAL).trust_port(true);
        assert_eq!(asked.forwarded(true, &map, Protocol::Http).port, *port, "{values:?}");
        assert_eq!(asked.forwarded(false, &map, Protocol::Http).port, None);
        assert_eq!(TrustedProxies::new(LOCAL).forwarded(true, &map, Protocol::Http).port, None);
    }
}

/// What a service behind the layer finds, for a request from `peer`.
async fn found(
    layer: ForwardedLayer,
    peer: Option<&str>,
    fields: &[(&'static str, &[u8])],
) -> (Option<Client>, Option<Scheme>) {
    let service = layer.layer(service_fn(|request: Request<()>| {
        let extensions = request.extensions();
        let found = (extensions.get().cloned(), extensions.get().copied());
        std::future::ready(Ok::<_, Infallible>(Response::new(found)))
    }));
    let mut request = Request::new(());
    *request.headers_mut() = headers(fields);
    if let Some(peer) = peer {
        request.extensions_mut().insert(peer.parse::<SocketAddr>().unwrap());
    }
    service.oneshot(request).await.unwrap().into_body()
}

#[tokio::test]
async fn a_layer_marks_requests() {
    let client = |host: &str, port| Some(Client { host: host.into(), port });
    let layer = |trusted: &[&str]| {
        ForwardedLayer::new(TrustedProxies::new(trusted), |extensions| {
            extensions.get::<SocketAddr>().copied()
        })
    };
    let fields: &[(&'static str, &[u8])] = &[(XFF, b"1.2.3.4"), ("x-forwarded-proto", b"https")];
    let socket: &[(&'static str, &[u8])] = &[("x-forwarded-proto", b"https"), ("upgrade", b"WebSocket")];
    let local = Some("127.0.0.1:99");

    assert_eq!(found(layer(LOCAL), local, fields).await, (client("1.2.3.4", 0), Some(Scheme("https"))));
    assert_eq!(found(layer(LOCAL), local, socket).await, (client("127.0.0.1", 99), Some(Scheme("wss"))));
    assert_eq!(found(layer(LOCAL), Some("[::1]:7"), fields).await, (client("::1", 7), None));
    // The peer of a Unix socket has no address.
    assert_eq!(found(layer(LOCAL), None, fields).await, (None, None));
    assert_eq!(found(layer(&["*"]), None, fields).await, (client("1.2.3.4", 0), Some(Scheme("https"))));
    assert_eq!(found(ForwardedLayer::off(), local, fields).await, (None, None));
    assert!(Scheme("wss").is_secure() && !Scheme("http").is_secure());
}

proptest! {
    /// Whatever is sent, an untrusted hop is never passed over, and a client is one of the hops.
    #[test]
    fn any_list_of_hops_can_come(value in "[0-9a-f.:,\\[\\] \u{a0}_-]{0,60}") {
        let bytes: Vec<u8> = value.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        let proxies = TrustedProxies::new(["10.0.0.0/8", "fd00::/8"]);
        let seen = proxies.forwarded(true, &headers(&[(XFF, &bytes)]), Protocol::Http);
        if let Some((host, _)) = seen.client {
            prop_assert!(!host.is_empty() && value.contains(&host));
            let first = value.find(&host).unwrap_or_default();
            prop_assert!(!proxies.trusts(Some(&host)) || value[..first].chars().all(|c| c != ','));
        }
    }
}
