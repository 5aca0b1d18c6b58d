"""Generated requests that middleware treats in different ways."""

from __future__ import annotations

from tests.appfuzz.draw import Draw
from tests.middleware.layers import HEADERS, METHODS, ORIGINS

_PATHS = (
    "/", "/", "/any", "/any", "/sized/0", "/sized/1", "/sized/9", "/sized/10", "/sized/499", "/sized/500",
    "/sized/501", "/sized/1023", "/sized/1024", "/sized/4999", "/sized/5000", "/text/97", "/text/98",
    "/text/99", "/text/498", "/text/2000", "/text/20000", "/sized/140000", "/refused",
    "/refused?x_refuse=1", "/broken", "/error/418", "/error/404", "/error/500", "/unhandled", "/types/text",
    "/types/audio", "/types/image", "/types/text?coding=br", "/types/text?coding=gzip&vary=Origin",
    "/types/text?vary=A|B|Origin", "/types/text?status=206", "/types/text?status=404&vary=*", "/bare",
    "/empty/204", "/empty/304", "/empty/200", "/empty/205", "/items", "/items", "/echo", "/number/5",
    "/number/5?limit=x", "/number/x", "/stream", "/generated", "/own", "/failing", "/request", "/yields",
    "/background", "/away", "/cookie", "/slash", "/slash/", "/missing", "/caf%C3%A9", "//a",
    "/a%2Fb?x=%20&y=[1]", "/a;b=c/(d)!$&'*+,=:@~?q=1&r", "/?", "/docs", "/openapi.json", "/a%0Ab",
    "/%3F%23",
)  # fmt: skip
_HOSTS = (
    "example.test", "EXAMPLE.test:80", "example.test:8000", "sub.example.test", ".example.test",
    "xexample.test", "other.test", "Other.Test:443", "other.test:8080", "www.other.test", "evil.test",
    "upper.test", "127.0.0.1", "127.0.0.1:0443", "[::1]", "[::1]:80", "[v1.a]", "a!b", "a%20b", "a b",
    "a/b", "a@b", "a:b", "", "a:", "example.test:99999", "example.test:080", "ex\xe4mple.test", "_x-y.z",
    "example.test.",
)  # fmt: skip
_CODINGS = ("gzip", "gzip, deflate, br", "identity", "gzip;q=0", "br", "GZIP", "x-gzip", "", "*")
_ASKED = (
    "X-A", "x-a, X-B", "content-type", "x-a,,x-b", " x-a ,\tx-b", "x-gr\xfcn", "X-GR\xdcN",
    "authorization,x-z", "", "*",
)  # fmt: skip
_PROTOCOLS = ("https", "http", "ws", "wss", "HTTPS", "ftp", "")
_BODIES = (b'{"name": "lamp"}', b'{"name": "lamp", "price": 3}', b'{"price": 1}', b"{", b"")


def request(draw: Draw) -> tuple[bytes, bytes]:
    """The bytes of a request, and its method."""
    path = draw.choice(_PATHS)
    headers: list[tuple[str, str]] = []
    method = draw.choice(METHODS) if draw.chance(0.2) else "GET"
    body = b""
    if path in ("/items", "/echo") and draw.chance(0.8):
        method, body = "POST", draw.choice(_BODIES)
        headers.append(("Content-Type", "application/json"))
    if draw.chance(0.2):
        method = "OPTIONS"
    if draw.chance(0.6):
        headers.append(
            ("Origin", draw.choice(ORIGINS) if draw.chance(0.9) else draw.pick("", "*", "http://x,y"))
        )
    if draw.chance(0.75 if method == "OPTIONS" else 0.05):
        headers.append(("Access-Control-Request-Method", draw.choice(METHODS)))
        if draw.chance(0.5):
            asked = draw.choice(_ASKED) if draw.chance(0.7) else ", ".join(draw.some(HEADERS, 3))
            headers.append(("Access-Control-Request-Headers", asked))
        if draw.chance(0.2):
            headers.append(("Access-Control-Request-Private-Network", draw.pick("true", "false", "")))
    if draw.chance(0.6):
        headers.append(("Accept-Encoding", draw.choice(_CODINGS)))
    if draw.chance(0.7):
        headers.append(("X-Forwarded-Proto", "https" if draw.chance(0.8) else draw.choice(_PROTOCOLS)))
    if headers and draw.chance(0.1):
        name, value = draw.choice(headers)
        headers.append((name, draw.pick(value, "x")) if name != "Content-Type" else ("Accept", "x"))
    draw.shuffle(headers)
    host = "example.test" if draw.chance(0.6) else draw.choice(_HOSTS)
    if draw.chance(0.97):
        headers.insert(draw.randint(0, len(headers)), ("Host", host))
    version = "1.0" if draw.chance(0.05) else "1.1"
    if body or method in ("POST", "PUT", "PATCH"):
        headers.append(("Content-Length", str(len(body))))
    if draw.chance(0.02):
        headers.append(("Expect", "100-continue"))
    lines = [f"{method} {path} HTTP/{version}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body, method.encode()
