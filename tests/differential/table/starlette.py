"""The Starlette app."""

from __future__ import annotations

from ..harness.case import Case, Eof, Expect, Frames, Probe, Send
from ..harness.websocket import TEXT, close, frame
from ._build import chunked, exchange, get, post, request
from ._websocket import conversation, handshake

S = "starlette"

CASES = [
    *(
        get(f"starlette-{name}", S, target)
        for name, target in (
            ("home", "/?a=1&a=2&b=%20"),
            ("thread", "/thread/x"),
            ("things", "/things"),
            ("cookies", "/cookies"),
            ("generator", "/generator"),
            ("redirect", "/redirect"),
            ("fails", "/fails"),
            ("missing", "/none"),
            ("trailing-redirect", "/trailing"),
            ("bare", "/bare/a%20b/c"),
            ("bare-root", "/bare"),
            ("bare-encoded-slash", "/bare/a%2Fb"),
            ("files", "/files/hello.txt"),
            ("files-root", "/files/"),
            ("files-directory", "/files/sub"),
        )
    ),
    get("starlette-things-head", S, "/things", method="HEAD"),
    get("starlette-things-put-405", S, "/things", method="PUT"),
    get("starlette-thread-post-405", S, "/thread/x", method="POST"),
    get("starlette-home-head", S, "/", method="HEAD"),
    get("trap36-starlette-body-get-405", S, "/body"),
    get(
        "starlette-headers", S, "/headers", [("X-A", "1"), ("X-A", "2"), ("Cookie", "a=1"), ("Cookie", "b=2")]
    ),
    get("starlette-cookies-in", S, "/cookies", [("Cookie", 'a=1; b="2 3"; c')]),
    get("starlette-generator-head", S, "/generator", method="HEAD"),
    post("starlette-form", S, "/things", b"a=1&b=%C3%BC", "application/x-www-form-urlencoded"),
    post("starlette-form-too-many", S, "/things", b"a=1&b=2&c=3&d=4", "application/x-www-form-urlencoded"),
    post(
        "starlette-multipart",
        S,
        "/things",
        b'--X\r\nContent-Disposition: form-data; name="f"; filename="n"\r\n\r\nx\r\n--X--\r\n',
        "multipart/form-data; boundary=X",
    ),
    post("starlette-body", S, "/body", b'{"a": [1, null]}', "application/json"),
    post("starlette-body-patch", S, "/body", b"[]", "application/json", method="PATCH"),
    post("starlette-body-invalid-500", S, "/body", b"{", "application/json"),
    post("starlette-disconnected-not", S, "/disconnected", b"12345"),
    exchange(
        "starlette-chunked",
        S,
        request("POST", "/disconnected", [("Transfer-Encoding", "chunked")], chunked(b"123", b"45")),
    ),
    exchange("starlette-trusted-host-refused", S, request(target="/", host="evil.test")),
    exchange("starlette-trusted-host-wildcard", S, request(target="/", host="sub.example.test:8000")),
    exchange("starlette-trusted-host-upper", S, request(target="/", host="EXAMPLE.TEST")),
    exchange("starlette-trusted-host-invalid", S, request(target="/", host="example.test/x")),
    exchange("starlette-trusted-host-empty", S, request(target="/", host="")),
    get("starlette-redirect-behind-a-proxy", S, "/redirect", [("X-Forwarded-Proto", "https")]),
    Case(
        "starlette-keep-alive",
        S,
        (Send(request(target="/")), Expect(), Send(request(target="/thread/y")), Expect(), Probe()),
    ),
    conversation(
        "starlette-ws", "/echo", Send(frame(TEXT, b"loud")), Frames(), Send(close()), Frames(), Eof(), app=S
    ),
    conversation(
        "starlette-ws-binary-where-text-is-wanted",
        "/echo",
        Send(frame(2, b"x")),
        Frames(),
        Send(close()),
        Eof(),
        app=S,
    ),
    Case("starlette-ws-missing", S, (Send(handshake("/none")), Expect(), Eof())),
    Case(
        "starlette-ws-untrusted-host",
        S,
        (
            Send(
                request(
                    target="/echo",
                    fields=[
                        ("Upgrade", "websocket"),
                        ("Connection", "Upgrade"),
                        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
                        ("Sec-WebSocket-Version", "13"),
                    ],
                    host="evil.test",
                )
            ),
            Expect(),
            Eof(),
        ),
    ),
]
