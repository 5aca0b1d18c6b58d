"""Request header fields, as the scope shows them."""

from __future__ import annotations

from ._build import exchange, fragments, get, request

ECHO = "echo"
LINE = b"GET /h HTTP/1.1\r\nHost: example.test\r\n"


def raw(id: str, lines: bytes, **options: bool) -> object:
    """A request whose further header lines are given as bytes."""
    return exchange(id, ECHO, LINE + lines + b"\r\n")


CASES = [
    get(
        "headers-lower-cased-names",
        ECHO,
        "/h",
        [("X-UPPER", "Value"), ("x-lower", "value"), ("X-MiXeD", "VaLuE")],
    ),
    get("trap10-duplicates-kept-in-order", ECHO, "/h", [("X-A", "1"), ("X-B", "2"), ("x-a", "3")]),
    get("trap10-duplicates-side-by-side", ECHO, "/h", [("X-A", "1"), ("X-A", "2"), ("X-B", "3")]),
    get("trap10-cookies-not-joined", ECHO, "/h", [("Cookie", "a=1"), ("Cookie", "b=2; c=3")]),
    get("trap10-order-of-many", ECHO, "/h", [(f"X-{number}", str(number)) for number in range(40)]),
    get("headers-hundred", ECHO, "/h", [(f"X-{number}", str(number)) for number in range(99)]),
    get("headers-two-hundred", ECHO, "/h", [(f"X-{number}", str(number)) for number in range(200)]),
    raw("headers-empty-value", b"X-A:\r\nX-B: \r\n"),
    raw("headers-whitespace-around-value", b"X-A:  one  \r\nX-B:\ttwo\t\r\nX-C:three\r\n"),
    raw("headers-tab-inside-value", b"X-A: one\ttwo\r\n"),
    raw("headers-inner-spaces", b"X-A: one   two\r\n"),
    raw("headers-latin-1-value", b"X-A: gr\xfcn\r\n"),
    raw("headers-utf8-value", "X-A: grün\r\n".encode()),
    raw("headers-obs-text-all", b"X-A: " + bytes(range(0x80, 0x100)) + b"\r\n"),
    raw("headers-name-token-characters", b"!#$%&'*+-.^_`|~09: 1\r\n"),
    raw("headers-underscore-name", b"X_Under_Score: 1\r\n"),
    raw("headers-numeric-name", b"123: 1\r\n"),
    raw("headers-long-value", b"X-A: " + b"v" * 8000 + b"\r\n"),
    raw("headers-longer-value", b"X-A: " + b"v" * 40000 + b"\r\n"),
    raw("headers-long-name", b"X-" + b"N" * 300 + b": 1\r\n"),
    raw("headers-value-with-colon", b"X-A: a:b: c\r\n"),
    raw("headers-value-with-quotes", b'X-A: "a, b", \\"c\r\n'),
    raw("connection-close", b"Connection: close\r\n"),
    raw("connection-close-upper", b"CONNECTION: CLOSE\r\n"),
    raw("connection-keep-alive", b"Connection: keep-alive\r\n"),
    raw("connection-list-with-close", b"Connection: x-foo, close\r\n"),
    raw("connection-two-fields", b"Connection: keep-alive\r\nConnection: close\r\n"),
    raw("connection-unknown-token", b"Connection: x-foo\r\n"),
    raw(
        "trap28-upgrade-h2c-ignored",
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n",
    ),
    raw("trap28-upgrade-unknown-ignored", b"Connection: upgrade\r\nUpgrade: foo/2\r\n"),
    raw("upgrade-without-connection", b"Upgrade: websocket\r\n"),
    raw("host-with-port", b"X-A: 1\r\n"),
    get("accept-encoding-and-te", ECHO, "/h", [("Accept-Encoding", "gzip, br"), ("TE", "trailers")]),
    get("authorization-untouched", ECHO, "/h", [("Authorization", "Basic  dXNlcjpwdw==")]),
    exchange("host-empty", ECHO, request(target="/h", host="")),
    exchange("host-ipv6", ECHO, request(target="/h", host="[::1]:8000")),
    exchange("host-with-port-number", ECHO, request(target="/h", host="example.test:8000")),
    exchange("host-upper-case", ECHO, request(target="/h", host="EXAMPLE.test")),
    exchange("trap32-host-with-space", ECHO, request(target="/h", host="bad host")),
    exchange("trap32-host-with-slash", ECHO, request(target="/h", host="bad/host")),
    exchange("trap32-host-with-at", ECHO, request(target="/h", host="user@host")),
    exchange("trap32-host-latin-1", ECHO, b"GET /h HTTP/1.1\r\nHost: gr\xfcn.test\r\n\r\n"),
    exchange("host-last", ECHO, b"GET /h HTTP/1.1\r\nX-A: 1\r\nhOsT: example.test\r\n\r\n"),
    get("trap31-forwarded-proto", ECHO, "/h", [("X-Forwarded-Proto", "https")]),
    get("trap31-forwarded-proto-unknown", ECHO, "/h", [("X-Forwarded-Proto", "gopher")]),
    get("trap31-forwarded-proto-spaces", ECHO, "/h", [("X-Forwarded-Proto", " https ")]),
    get("trap31-forwarded-proto-upper", ECHO, "/h", [("X-Forwarded-Proto", "HTTPS")]),
    get(
        "trap31-forwarded-proto-twice",
        ECHO,
        "/h",
        [("X-Forwarded-Proto", "https"), ("X-Forwarded-Proto", "http")],
    ),
    get("trap31-forwarded-proto-wss", ECHO, "/h", [("X-Forwarded-Proto", "wss")]),
    get("trap31-forwarded-for-one", ECHO, "/h", [("X-Forwarded-For", "1.2.3.4")]),
    get("trap31-forwarded-for-port", ECHO, "/h", [("X-Forwarded-For", "1.2.3.4:5678")]),
    get("trap31-forwarded-for-ipv6", ECHO, "/h", [("X-Forwarded-For", "2001:db8::1")]),
    get("trap31-forwarded-for-ipv6-port", ECHO, "/h", [("X-Forwarded-For", "[2001:db8::1]:443")]),
    get("trap31-forwarded-for-ipv6-bracket-no-port", ECHO, "/h", [("X-Forwarded-For", "[2001:db8::1]")]),
    get("trap31-forwarded-for-bad-port", ECHO, "/h", [("X-Forwarded-For", "1.2.3.4:http")]),
    get(
        "trap31-forwarded-for-list-last-untrusted",
        ECHO,
        "/h",
        [("X-Forwarded-For", "9.9.9.9, 1.2.3.4, 127.0.0.1")],
    ),
    get("trap31-forwarded-for-all-trusted", ECHO, "/h", [("X-Forwarded-For", "127.0.0.1, 127.0.0.1:99")]),
    get("trap31-forwarded-for-empty", ECHO, "/h", [("X-Forwarded-For", "")]),
    get(
        "trap31-forwarded-for-two-fields",
        ECHO,
        "/h",
        [("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", "2.2.2.2")],
    ),
    get("trap31-forwarded-for-garbage", ECHO, "/h", [("X-Forwarded-For", "unknown, _hidden")]),
    get("trap31-forwarded-for-empty-members", ECHO, "/h", [("X-Forwarded-For", "1.1.1.1, , ")]),
    get(
        "trap31-forwarded-port-ignored",
        ECHO,
        "/h",
        [("X-Forwarded-Port", "8443"), ("X-Forwarded-Host", "evil.test")],
    ),
    get("forwarded-ignored", ECHO, "/h", [("Forwarded", "for=1.2.3.4;proto=https")]),
    fragments(
        "trap28-url-fragmented",
        ECHO,
        b"GET /long/pa",
        b"th?que",
        b"ry=1 HT",
        b"TP/1.1\r\nHo",
        b"st: example.test\r\n\r\n",
    ),
    fragments("headers-fragmented-in-name", ECHO, LINE + b"X-Na", b"me: val", b"ue\r", b"\n\r", b"\n"),
    fragments(
        "headers-fragmented-method", ECHO, b"G", b"E", b"T", b" /h HTTP/1.1\r\nHost: example.test\r\n\r\n"
    ),
    fragments(
        "headers-fragmented-after-host", ECHO, b"GET /h HTTP/1.1\r\nHost: exa", b"mple.test", b"\r\n\r\n"
    ),
]
