use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Forwarded, Protocol, TrustedProxies};

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
