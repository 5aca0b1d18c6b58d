"""Request bodies: framing, expectations, flow, early answers."""

from __future__ import annotations

from ..harness.case import Case, Chunk, Expect, Head, Interim, Journal, Probe, Send, Step, Sync
from ._build import chunked, exchange, fragments, post, request

P = "protocol"


def coded(id: str, data: bytes, target: str = "/echo") -> Case:
    """A chunked request."""
    return exchange(id, P, request("POST", target, [("Transfer-Encoding", "chunked")], data), method="POST")


def expecting(target: str, length: int, value: str = "100-continue", version: str = "HTTP/1.1") -> bytes:
    """The head of a request that waits for 100."""
    return request("POST", target, [("Content-Length", str(length)), ("Expect", value)], version=version)


def conversation(id: str, *steps: Step) -> Case:
    """Steps that end with the question whether the connection lives."""
    return Case(id, P, (*steps, Probe()))


POST5 = request("POST", "/echo", [("Content-Length", "5")])
CHUNKED = request("POST", "/echo", [("Transfer-Encoding", "chunked")])

CASES = [
    post("body-length", P, "/echo", b"hello"),
    post("body-empty", P, "/echo", b""),
    post("body-with-get", P, "/echo", b"hello", method="GET"),
    post("body-with-delete", P, "/echo", b"hello", method="DELETE"),
    post("body-with-head", P, "/echo", b"hello", method="HEAD"),
    post("body-with-options", P, "/echo", b"hello", method="OPTIONS"),
    post("body-all-bytes", P, "/echo", bytes(range(256))),
    post("body-64-kib", P, "/digest", b"x" * 65536),
    post("trap29-body-1-mib", P, "/digest", bytes(range(256)) * 4096),
    post("trap29-body-5-mib", P, "/digest", b"0123456789abcdef" * 327680),
    post("body-first-message-keys", P, "/keys", b"hello"),
    exchange("no-body-first-message-keys", P, request(target="/keys")),
    exchange("no-body-read-by-get", P, request(target="/echo")),
    exchange("no-length-read-by-post", P, request("POST", "/echo"), method="POST"),
    coded("chunked-one", chunked(b"hello")),
    coded("chunked-several", chunked(b"hello", b" ", b"world" * 100)),
    coded("chunked-empty", chunked()),
    coded("chunked-extension", chunked(b"hello", extension=b";name=value")),
    coded("chunked-extension-quoted", chunked(b"hello", extension=b';name="a;b"')),
    coded("chunked-extension-bare", chunked(b"hello", extension=b";name")),
    coded("chunked-extension-spaces", chunked(b"hello", extension=b" ; name = value")),
    coded("chunked-extension-on-last", b"5\r\nhello\r\n0;last=1\r\n\r\n"),
    coded("chunked-trailers", chunked(b"hello", trailers=b"X-Sum: 1\r\nX-Other: 2\r\n")),
    coded(
        "chunked-trailer-forbidden-names", chunked(b"hello", trailers=b"Content-Length: 99\r\nHost: evil\r\n")
    ),
    coded("chunked-upper-hex", b"1A\r\n" + b"z" * 26 + b"\r\n0\r\n\r\n"),
    coded("chunked-leading-zeros", b"0005\r\nhello\r\n000\r\n\r\n"),
    coded("chunked-many-small", chunked(*[b"%d" % (n % 10) for n in range(500)])),
    coded("chunked-1-mib", chunked(*[b"c" * 65536] * 16), "/digest"),
    coded("chunked-not-read", chunked(b"hello"), "/ignore"),
    fragments("body-fragmented", P, POST5, b"he", b"llo", method="POST"),
    fragments("body-fragmented-with-head", P, POST5 + b"h", b"ell", b"o", method="POST"),
    fragments(
        "chunked-fragmented-size",
        P,
        CHUNKED,
        b"1",
        b"0\r\n0123456789abcdef",
        b"\r",
        b"\n0\r\n",
        b"\r\n",
        method="POST",
    ),
    fragments("chunked-fragmented-data", P, CHUNKED + b"5\r\nhe", b"llo\r\n", b"0\r\n\r\n", method="POST"),
    conversation(
        "body-duplex",
        Send(request("POST", "/duplex", [("Content-Length", "6")])),
        Head(),
        Chunk(),
        Send(b"abc"),
        Chunk(),
        Send(b"def"),
        Chunk(),
        Chunk(),
        Chunk(),
    ),
    conversation(
        "body-duplex-chunked",
        Send(request("POST", "/duplex", [("Transfer-Encoding", "chunked")])),
        Head(),
        Chunk(),
        Send(b"3\r\nabc\r\n"),
        Chunk(),
        Send(b"3\r\ndef\r\n"),
        Chunk(),
        Send(b"0\r\n\r\n"),
        Chunk(),
        Chunk(),
    ),
    # Expect: 100-continue
    conversation(
        "trap25-continue-when-read", Send(expecting("/echo", 5)), Interim(), Send(b"hello"), Expect()
    ),
    conversation(
        "trap25-continue-upper-case",
        Send(expecting("/echo", 5, "100-CONTINUE")),
        Interim(),
        Send(b"hello"),
        Expect(),
    ),
    conversation("trap25-body-already-sent", Send(expecting("/echo", 5) + b"hello"), Expect()),
    conversation("trap25-not-read-no-continue", Send(expecting("/ignore", 5)), Expect()),
    conversation("trap25-not-read-body-sent", Send(expecting("/ignore", 5) + b"hello"), Expect()),
    conversation(
        "trap25-no-continue-after-final-head",
        Send(expecting("/late", 5)),
        Head(),
        Sync(),
        Send(b"hello"),
        Chunk(),
        Chunk(),
    ),
    conversation("trap25-continue-body-of-no-bytes", Send(expecting("/echo", 0)), Expect()),
    conversation("trap25-unknown-expectation", Send(expecting("/echo", 5, "200-ok") + b"hello"), Expect()),
    conversation(
        "trap25-continue-and-more", Send(expecting("/echo", 5, "100-continue, foo") + b"hello"), Expect()
    ),
    conversation(
        "trap25-continue-http10", Send(expecting("/echo", 5, version="HTTP/1.0") + b"hello"), Expect()
    ),
    conversation(
        "trap25-continue-chunked",
        Send(request("POST", "/echo", [("Transfer-Encoding", "chunked"), ("Expect", "100-continue")])),
        Interim(),
        Send(chunked(b"hello")),
        Expect(),
    ),
    conversation("trap25-app-raises-before-reading", Send(expecting("/raise-before", 5)), Expect()),
    conversation(
        "trap25-continue-get-without-body",
        Send(request(target="/echo", fields=[("Expect", "100-continue")])),
        Expect(),
    ),
    # Early final responses
    conversation(
        "trap26-ignored-small-body",
        Send(request("POST", "/ignore", [("Content-Length", "5")], b"hello")),
        Expect(),
    ),
    conversation(
        "trap26-ignored-body-arrives-later",
        Send(request("POST", "/ignore", [("Content-Length", "5")])),
        Expect(),
        Send(b"hello"),
    ),
    conversation(
        "trap26-ignored-body-in-two-parts",
        Send(request("POST", "/ignore", [("Content-Length", "10")], b"hello")),
        Expect(),
        Send(b"world"),
    ),
    conversation(
        "trap26-first-part-then-answer",
        Send(request("POST", "/first-part", [("Content-Length", "10")], b"hello")),
        Expect(),
        Send(b"world"),
    ),
    conversation(
        "trap26-ignored-chunked-later",
        Send(request("POST", "/ignore", [("Transfer-Encoding", "chunked")])),
        Expect(),
        Send(chunked(b"hello")),
    ),
    conversation(
        "trap26-ignored-large-body",
        Send(request("POST", "/ignore", [("Content-Length", "300000")], b"z" * 300000)),
        Expect(),
    ),
    # What receive() gives
    conversation(
        "trap1-receive-blocks-after-body",
        Send(request("POST", "/receive-blocks?key=t1a", [("Content-Length", "5")], b"hello")),
        Expect(),
        Journal("t1a"),
    ),
    conversation(
        "trap1-receive-blocks-after-chunked",
        Send(
            request("POST", "/receive-blocks?key=t1b", [("Transfer-Encoding", "chunked")], chunked(b"hello"))
        ),
        Expect(),
        Journal("t1b"),
    ),
    conversation(
        "trap1-receive-blocks-without-body", Send(request(target="/receive-blocks-unread")), Expect()
    ),
    conversation(
        "trap2-disconnect-after-response",
        Send(request(target="/receive-after?key=t2a")),
        Expect(),
        Journal("t2a"),
    ),
    conversation(
        "trap2-disconnect-after-response-post",
        Send(request("POST", "/receive-after?key=t2b", [("Content-Length", "5")], b"hello")),
        Expect(),
        Journal("t2b"),
    ),
    conversation(
        "trap2-disconnect-after-response-unread",
        Send(request("POST", "/receive-after-unread?key=t2c", [("Content-Length", "5")], b"hello")),
        Expect(),
        Journal("t2c"),
    ),
    conversation(
        "receive-and-send-in-two-tasks",
        Send(request("POST", "/spawn", [("Content-Length", "5")], b"hello")),
        Expect(),
    ),
]
