"""WebSocket messages, control frames and ends of connections."""

from __future__ import annotations

from ..harness.case import Close, Eof, Frames, HalfClose, Send
from ..harness.websocket import BINARY, CONTINUATION, PING, PONG, TEXT, close, frame
from ._websocket import conversation, ends, text

BYE = (Send(close()), Frames(), Eof())

CASES = [
    conversation("ws-echo-text", "/echo", text("hello"), Frames(), *BYE),
    conversation("ws-echo-binary", "/echo", Send(frame(BINARY, bytes(range(256)))), Frames(), *BYE),
    conversation("ws-echo-empty-text", "/echo", text(""), Frames(), *BYE),
    conversation("ws-echo-empty-binary", "/echo", Send(frame(BINARY)), Frames(), *BYE),
    conversation("ws-echo-unicode", "/echo", text("gr\u00fcn \U0001f600"), Frames(), *BYE),
    conversation("ws-echo-125", "/echo", text("x" * 125), Frames(), *BYE),
    conversation("ws-echo-126", "/echo", text("x" * 126), Frames(), *BYE),
    conversation("ws-echo-65536", "/echo", text("x" * 65536), Frames(), *BYE),
    conversation("ws-echo-1-mib", "/echo", Send(frame(BINARY, b"y" * (1 << 20))), Frames(), *BYE),
    conversation(
        "ws-echo-three-in-one-packet",
        "/echo",
        Send(b"".join(frame(TEXT, b"%d" % n) for n in range(3))),
        Frames(3),
        *BYE,
    ),
    conversation(
        "ws-echo-fragmented",
        "/echo",
        Send(frame(TEXT, b"he", fin=False)),
        Send(frame(CONTINUATION, b"ll", fin=False)),
        Send(frame(CONTINUATION, b"o")),
        Frames(),
        *BYE,
    ),
    conversation(
        "ws-echo-fragmented-inside-a-character",
        "/echo",
        Send(frame(TEXT, b"gr\xc3", fin=False)),
        Send(frame(CONTINUATION, b"\xbcn")),
        Frames(),
        *BYE,
    ),
    conversation(
        "ws-echo-fragmented-with-ping-between",
        "/echo",
        Send(frame(TEXT, b"a", fin=False)),
        Send(frame(PING, b"p")),
        Frames(),
        Send(frame(CONTINUATION, b"b")),
        Frames(),
        *BYE,
    ),
    conversation(
        "ws-echo-fragmented-binary-empty-parts",
        "/echo",
        Send(frame(BINARY, b"", fin=False)),
        Send(frame(CONTINUATION, b"", fin=False)),
        Send(frame(CONTINUATION, b"x")),
        Frames(),
        *BYE,
    ),
    conversation(
        "ws-frame-byte-by-byte",
        "/echo",
        *(Send(bytes([byte])) for byte in frame(TEXT, b"slow")),
        Frames(),
        *BYE,
    ),
    conversation("ws-ping", "/echo", Send(frame(PING, b"payload")), Frames(), *BYE),
    conversation("ws-ping-empty", "/echo", Send(frame(PING)), Frames(), *BYE),
    conversation("ws-ping-125", "/echo", Send(frame(PING, b"p" * 125)), Frames(), *BYE),
    conversation("ws-pong-unsolicited", "/echo", Send(frame(PONG, b"x")), text("after"), Frames(), *BYE),
    conversation(
        "ws-ping-and-text-in-one-packet",
        "/echo",
        Send(frame(PING, b"1") + frame(TEXT, b"2")),
        Frames(2),
        *BYE,
    ),
    conversation("ws-describe-text", "/describe", text("hello"), Frames(), *BYE, key="desc1"),
    conversation(
        "ws-describe-binary", "/describe", Send(frame(BINARY, b"\x00\xff")), Frames(), *BYE, key="desc2"
    ),
    # How connections end
    *(
        conversation(f"ws-close-by-app-{name}", f"/close/{name}", *ends(), key=f"close-{name}")
        for name in ("default", "code", "reason", "none", "utf8", "1001")
    ),
    *(
        conversation(f"ws-close-by-app-invalid-{name}", f"/close/{name}", Send(close()), Eof(), logs=True)
        for name in ("long", "1005", "1006", "999", "5000")
    ),
    conversation("ws-close-by-app-after-bye", "/echo", text("bye"), *ends()),
    conversation(
        "trap06-ws-close-by-app-then-more-data",
        "/close/default",
        Frames(),
        text("late"),
        Send(close()),
        Eof(),
        key="late1",
    ),
    *(
        conversation(
            f"trap09-ws-close-by-client-{name}", "/describe", Send(data), Frames(), Eof(), key=f"cl-{name}"
        )
        for name, data in (
            ("1000", close(1000)),
            ("1001-reason", close(1001, b"leaving")),
            ("3000", close(3000)),
            ("4999", close(4999, b"\xc3\xbc")),
            ("no-code", close(None)),
            ("1011", close(1011)),
        )
    ),
    *(
        conversation(
            f"ws-close-by-client-invalid-{name}", "/describe", Send(data), Frames(), Eof(), key=f"cli-{name}"
        )
        for name, data in (
            ("one-byte", frame(8, b"\x03")),
            ("code-1005", close(1005)),
            ("code-1006", close(1006)),
            ("code-0", close(0)),
            ("code-999", close(999)),
            ("code-5000", close(5000)),
            ("reason-not-utf8", close(1000, b"\xff")),
            ("code-1004", close(1004)),
        )
    ),
    conversation("ws-fin-without-close", "/describe", Close(), key="fin1"),
    conversation("ws-reset-without-close", "/describe", Close(reset=True), key="rst1"),
    conversation("ws-half-close", "/describe", HalfClose(), Eof(), key="half1"),
    conversation("ws-fin-inside-a-frame", "/describe", Send(frame(TEXT, b"hello")[:4]), Close(), key="fin2"),
    conversation(
        "trap05-ws-send-after-client-left",
        "/leave",
        Frames(),
        Send(close()),
        Frames(),
        Eof(),
        key="leave1",
        logs=True,
    ),
    conversation(
        "trap05-ws-send-after-client-reset", "/leave", Frames(), Close(reset=True), key="leave2", logs=True
    ),
    conversation("trap09-ws-app-returns", "/return/accepted", Send(close()), Eof(), logs=True),
    conversation("ws-app-returns-a-value", "/return/value", Send(close()), Eof(), logs=True),
    conversation("ws-app-raises-after-accept", "/raise/accepted", Send(close()), Eof(), logs=True),
    conversation("ws-app-raises-after-send", "/raise/sent", Frames(), Send(close()), Eof(), logs=True),
    conversation("ws-accept-twice", "/wrong/accept-twice", *ends(2)),
    conversation("ws-send-after-close", "/wrong/after-close", *ends(), key="after1", logs=True),
    conversation("ws-http-message", "/wrong/http", *ends(2)),
    *(
        conversation(f"ws-send-{name}", f"/send/{name}", *ends(2))
        for name in (
            "text",
            "bytes",
            "text-none",
            "bytes-none",
            "empty-text",
            "empty-bytes",
            "both",
            "large",
            "medium",
            "unicode",
        )
    ),
    conversation("ws-send-neither", "/send/neither", *ends(), logs=True),
    conversation("ws-burst", "/burst/200", *ends(201)),
    conversation("ws-two-tasks", "/concurrent", text("go"), *ends(5)),
    # Violations (RFC 6455 sections 5.1 to 5.5)
    *(
        conversation(
            f"ws-violation-{name}", "/describe", Send(data), Frames(), Eof(), key=f"v-{name}", logs=True
        )
        for name, data in (
            ("unmasked", frame(TEXT, b"x", masked=False)),
            ("rsv1", frame(TEXT, b"x", rsv=4)),
            ("rsv2", frame(TEXT, b"x", rsv=2)),
            ("opcode-3", frame(3, b"x")),
            ("opcode-b", frame(0xB, b"x")),
            ("continuation-first", frame(CONTINUATION, b"x")),
            ("text-inside-fragmented", frame(TEXT, b"a", fin=False) + frame(TEXT, b"b")),
            ("ping-126", frame(PING, b"p" * 126)),
            ("ping-fragmented", frame(PING, b"p", fin=False)),
            ("text-not-utf8", frame(TEXT, b"\xff")),
            ("text-cut-utf8", frame(TEXT, b"\xc3")),
            ("text-surrogate", frame(TEXT, b"\xed\xa0\x80")),
        )
    ),
    conversation("ws-max-size-64-is-taken", "/echo", text("x" * 64), Frames(), *BYE, app="websocket-small"),
    conversation(
        "ws-max-size-65-is-refused",
        "/describe",
        text("x" * 65),
        Frames(),
        Eof(),
        app="websocket-small",
        key="max1",
    ),
    conversation(
        "ws-max-size-over-fragments",
        "/describe",
        Send(frame(TEXT, b"x" * 40, fin=False)),
        Send(frame(CONTINUATION, b"y" * 40)),
        Frames(),
        Eof(),
        app="websocket-small",
        key="max2",
    ),
]
