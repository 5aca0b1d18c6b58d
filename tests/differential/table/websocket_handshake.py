"""WebSocket opening handshakes: accepted, refused by the server, refused by the app."""

from __future__ import annotations

from ..harness.case import Case, Close, Eof, Expect, Frames, Journal, Probe, Release, Send, Sync
from ..harness.websocket import close
from ._build import Fields, request
from ._websocket import KEY, UPGRADE, conversation, denied, ends, handshake


def without(name: str) -> Fields:
    """The usual fields but one."""
    return [pair for pair in UPGRADE if pair[0] != name]


def changed(name: str, value: str) -> Fields:
    """The usual fields with another value."""
    return [(key, value if key == name else old) for key, old in UPGRADE]


def scope(id: str, target: str, fields: Fields = (), app: str = "echo") -> Case:
    """The scope of a websocket, sent as a text message."""
    return conversation(id, target, *ends(2), app=app, fields=fields)


CASES = [
    scope("ws-scope", "/ws/a?b=c"),
    scope("ws-scope-percent", "/ws/gr%C3%BCn%2F%zz?q=%20"),
    scope(
        "ws-scope-headers",
        "/ws",
        [("X-A", "1"), ("X-B", "2"), ("x-a", "3"), ("Cookie", "a=1"), ("Origin", "http://example.test")],
    ),
    scope("ws-scope-subprotocols", "/ws", [("Sec-WebSocket-Protocol", "chat, superchat")]),
    scope(
        "ws-scope-subprotocols-two-fields",
        "/ws",
        [("Sec-WebSocket-Protocol", "a"), ("Sec-WebSocket-Protocol", "b,c")],
    ),
    scope("ws-scope-forwarded", "/ws", [("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "1.2.3.4")]),
    scope("ws-scope-forwarded-wss", "/ws", [("X-Forwarded-Proto", "wss")]),
    scope("ws-scope-root-path", "/ws/a", app="echo-root-path"),
    scope("ws-scope-unix", "/ws/a", app="echo-unix"),
    scope("ws-scope-bare-server", "/ws/a", app="echo-bare"),
    scope("ws-scope-state-again", "/ws"),
    scope("ws-scope-absolute-form", "http://example.test/ws?x=1"),
    scope("ws-scope-latin-1-header", "/ws", [b"X-A: gr\xfcn"]),
    *(
        conversation(
            f"trap08-ws-subprotocol-{name}",
            f"/subprotocol/{argument}",
            *ends(2),
            fields=[("Sec-WebSocket-Protocol", "chat, superchat"), ("Sec-WebSocket-Protocol", "last")],
        )
        for name, argument in (
            ("first", "0"),
            ("second", "1"),
            ("third", "2"),
            ("none", "none"),
            ("not-offered", "=other"),
        )
    ),
    conversation("trap08-ws-subprotocol-none-offered", "/subprotocol/none", *ends(2)),
    conversation(
        "trap08-ws-subprotocol-empty-members",
        "/subprotocol/none",
        *ends(2),
        fields=[("Sec-WebSocket-Protocol", "a,, b ,")],
    ),
    *(
        conversation(f"ws-accept-headers-{name}", f"/headers/{name}", *ends())
        for name in ("two", "upper", "latin", "tuple", "protocol")
    ),
    Case(
        "ws-accept-headers-crlf", "websocket", (Send(handshake("/headers/crlf")), Expect(), Eof()), logs=True
    ),
    # Refused by the server (RFC 6455 section 4.2.1)
    denied("ws-key-missing", handshake("/echo", replace=without("Sec-WebSocket-Key"))),
    denied("ws-key-short", handshake("/echo", replace=changed("Sec-WebSocket-Key", "c2hvcnQ="))),
    denied(
        "ws-key-not-base64",
        handshake("/echo", replace=changed("Sec-WebSocket-Key", "not base64 at all!!!!!!!")),
    ),
    denied("ws-key-twice", handshake("/echo", [("Sec-WebSocket-Key", KEY)])),
    denied("ws-version-missing", handshake("/echo", replace=without("Sec-WebSocket-Version"))),
    denied("ws-version-8", handshake("/echo", replace=changed("Sec-WebSocket-Version", "8"))),
    denied("ws-version-list", handshake("/echo", replace=changed("Sec-WebSocket-Version", "13, 8"))),
    denied("ws-version-word", handshake("/echo", replace=changed("Sec-WebSocket-Version", "x"))),
    Case(
        "ws-version-twice",
        "websocket",
        (Send(handshake("/echo", [("Sec-WebSocket-Version", "13")])), Expect(), Send(close()), Eof()),
    ),
    Case(
        "ws-by-post",
        "websocket",
        (Send(request("POST", "/plain", [*UPGRADE, ("Content-Length", "0")])), Expect(), Probe()),
    ),
    Case(
        "ws-by-http10",
        "websocket",
        (Send(handshake("/echo", version="HTTP/1.0")), Expect(), Send(close()), Eof()),
    ),
    denied(
        "ws-connection-missing",
        handshake("/plain", replace=[*without("Connection"), ("Connection", "close")]),
    ),
    denied(
        "ws-connection-other-token",
        handshake("/plain", replace=[*without("Connection"), ("Connection", "foo, close")]),
    ),
    conversation("ws-connection-list", "/echo", Send(close()), Frames(), Eof(), fields=[("X-A", "1")]),
    *(
        Case(
            f"ws-accepted-{name}",
            "websocket",
            (Send(handshake("/close/default", replace=fields)), Expect(), *ends()),
        )
        for name, fields in (
            (
                "upper-case-fields",
                [
                    ("UPGRADE", "WebSocket"),
                    ("CONNECTION", "UPGRADE"),
                    ("SEC-WEBSOCKET-KEY", KEY),
                    ("SEC-WEBSOCKET-VERSION", "13"),
                ],
            ),
            ("connection-list", [*without("Connection"), ("Connection", "keep-alive, Upgrade")]),
            ("unknown-extension", [*UPGRADE, ("Sec-WebSocket-Extensions", "x-foo")]),
            ("origin", [*UPGRADE, ("Origin", "null")]),
            ("content-length-0", [*UPGRADE, ("Content-Length", "0")]),
        )
    ),
    Case(
        "ws-frame-in-the-same-packet",
        "websocket",
        (Send(handshake("/echo") + b"\x81\x82\x00\x00\x00\x00hi"), Expect(), Sync(), Send(close()), Eof()),
    ),
    Case(
        "ws-handshake-in-pieces",
        "websocket",
        (
            *(
                step
                for part in (
                    handshake("/close/default")[:20],
                    handshake("/close/default")[20:90],
                    handshake("/close/default")[90:],
                )
                for step in (Send(part), Sync())
            ),
            Expect(),
            *ends(),
        ),
    ),
    Case(
        "ws-after-keep-alive-request",
        "websocket",
        (Send(request(target="/plain")), Expect(), Send(handshake("/close/default")), Expect(), *ends()),
    ),
    # Refused by the app
    conversation("trap09-ws-refused-403", "/refuse", Eof(), key="refuse1", logs=True),
    *(
        conversation(f"ws-denial-{name}", f"/deny/{name}", Eof(), key=f"deny-{name}")
        for name in ("one", "parts", "bare", "empty", "odd", "upper", "200")
    ),
    conversation("ws-denial-unfinished", "/deny/unfinished", Eof(), logs=True),
    conversation("ws-denial-status-700", "/deny/status", Eof(), logs=True),
    conversation("ws-raise-before-accept", "/raise/before", Eof(), logs=True),
    conversation("ws-return-before-accept", "/return/before", Eof(), logs=True),
    conversation("ws-unknown-path-raises", "/nothing", Eof(), logs=True),
    conversation("ws-send-before-accept", "/wrong/send-first", *ends(2)),
    conversation("ws-connect-not-received-first", "/no-connect", Send(close()), Frames(), Eof()),
    Case(
        "trap07-ws-client-leaves-before-accept",
        "websocket",
        (Send(handshake("/wait/g1?wait1")), Sync(), Close(), Sync(), Release("g1"), Journal("wait1")),
        logs=True,
    ),
    Case(
        "trap07-ws-client-resets-before-accept",
        "websocket",
        (
            Send(handshake("/wait/g2?wait2")),
            Sync(),
            Close(reset=True),
            Sync(),
            Release("g2"),
            Journal("wait2"),
        ),
        logs=True,
    ),
    Case(
        "ws-upgrade-refused-by-http-app", "protocol", (Send(handshake("/plain")), Expect(), Eof()), logs=True
    ),
    # permessage-deflate (RFC 7692)
    conversation(
        "ws-deflate-offered",
        "/close/default",
        *ends(),
        fields=[("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")],
    ),
]
