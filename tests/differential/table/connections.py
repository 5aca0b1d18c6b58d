"""Keep-alive, pipelining, disconnects and work after the response."""

from __future__ import annotations

from ..harness.case import (
    Case,
    Chunk,
    Close,
    Eof,
    Expect,
    HalfClose,
    Head,
    Journal,
    Probe,
    Raw,
    Release,
    Send,
    Step,
    Sync,
)
from ._build import request

P = "protocol"
PLAIN = request(target="/plain")
CHUNKED = ("Transfer-Encoding", "chunked")
METHOD = request(target="/method")


def talk(id: str, *steps: Step, logs: bool = False) -> Case:
    """A conversation with the protocol app."""
    return Case(id, P, steps, logs=logs)


def get(target: str) -> Send:
    """A GET."""
    return Send(request(target=target))


def post(target: str, body: bytes = b"", length: int | None = None) -> Send:
    """A POST of which perhaps only a part of the body is sent."""
    return Send(
        request("POST", target, [("Content-Length", str(len(body) if length is None else length))], body)
    )


CASES = [
    talk("keep-alive-three", Send(PLAIN), Expect(), Send(METHOD), Expect(), Send(PLAIN), Expect(), Probe()),
    talk("keep-alive-after-404", get("/nothing"), Expect(), Send(PLAIN), Expect(), Probe()),
    talk("keep-alive-after-chunked", get("/stream"), Expect(), Send(PLAIN), Expect(), Probe()),
    talk(
        "keep-alive-after-head",
        Send(request("HEAD", "/stream")),
        Expect(b"HEAD"),
        Send(PLAIN),
        Expect(),
        Probe(),
    ),
    talk("keep-alive-after-204", get("/status?code=204"), Expect(), Send(PLAIN), Expect(), Probe()),
    talk("keep-alive-after-post", post("/echo", b"hello"), Expect(), Send(PLAIN), Expect(), Probe()),
    talk(
        "keep-alive-then-close",
        Send(PLAIN),
        Expect(),
        Send(request(target="/plain", fields=[("Connection", "close")])),
        Expect(),
        Probe(),
    ),
    talk("keep-alive-crlf-between", Send(PLAIN), Expect(), Send(b"\r\n" + PLAIN), Expect(), Probe()),
    talk("context-not-leaked-by-keep-alive", get("/context"), Expect(), get("/context"), Expect(), Probe()),
    talk("trap27-pipelined-two", Send(PLAIN + METHOD), Expect(), Expect(), Probe()),
    talk("trap27-pipelined-ten", Send(PLAIN * 5 + METHOD * 5), *[Expect()] * 10, Probe()),
    talk(
        "trap27-pipelined-with-bodies",
        Send(
            request("POST", "/echo", [("Content-Length", "3")], b"one")
            + request("POST", "/echo", [("Content-Length", "3")], b"two")
        ),
        Expect(),
        Expect(),
        Probe(),
    ),
    talk(
        "trap27-pipelined-head-first",
        Send(request("HEAD", "/plain") + PLAIN),
        Expect(b"HEAD"),
        Expect(),
        Probe(),
    ),
    talk("trap27-pipelined-streams", Send(request(target="/stream") * 3), *[Expect()] * 3, Probe()),
    talk(
        "trap27-pipelined-half-a-request",
        Send(PLAIN + METHOD[:10]),
        Expect(),
        Send(METHOD[10:]),
        Expect(),
        Probe(),
    ),
    talk(
        "trap27-second-arrives-before-the-first-ends",
        get("/gate?key=p1"),
        Sync(),
        Send(METHOD),
        Sync(),
        Release("p1"),
        Expect(),
        Expect(),
        Probe(),
    ),
    talk(
        "trap27-second-arrives-during-the-stream",
        get("/gate-stream?key=p2"),
        Head(),
        Chunk(),
        Send(METHOD),
        Sync(),
        Release("p2"),
        Chunk(),
        Chunk(),
        Expect(),
        Probe(),
    ),
    talk(
        "trap27-ignored-after-close",
        Send(request(target="/plain", fields=[("Connection", "close")]) + METHOD),
        Expect(),
        Probe(),
    ),
    talk(
        "trap27-ignored-after-app-close",
        Send(request(target="/headers?set=connection-close") + METHOD),
        Expect(),
        Probe(),
    ),
    talk("pipelined-after-app-error", Send(request(target="/raise-before") + METHOD), Expect(), Probe()),
    talk("pipelined-after-404", Send(request(target="/nothing") + METHOD), Expect(), Expect(), Probe()),
    talk(
        "pipelined-invalid-after-gate",
        Send(request(target="/gate?key=p3") + b"garbage\r\n\r\n"),
        Sync(),
        Release("p3"),
        Expect(),
        Probe(),
    ),
    talk(
        "stream-head-is-sent-at-once",
        get("/gate-head?key=h1"),
        Head(),
        Release("h1"),
        Chunk(),
        Chunk(),
        Probe(),
    ),
    talk(
        "stream-part-is-sent-at-once",
        get("/gate-stream?key=h2"),
        Head(),
        Chunk(),
        Release("h2"),
        Chunk(),
        Chunk(),
        Probe(),
    ),
    talk(
        "background-does-not-hold-up-the-connection",
        get("/background?key=b1"),
        Expect(),
        Send(PLAIN),
        Expect(),
        Release("b1"),
        Journal("b1"),
        Probe(),
    ),
    talk(
        "background-survives-the-client",
        get("/background?key=b2"),
        Expect(),
        Close(),
        Sync(),
        Release("b2"),
        Journal("b2"),
    ),
    talk(
        "disconnect-fin-in-stream",
        get("/disconnect?key=d1"),
        Head(),
        Chunk(),
        Close(),
        Journal("d1"),
        logs=True,
    ),
    talk(
        "disconnect-rst-in-stream",
        get("/disconnect?key=d2"),
        Head(),
        Chunk(),
        Close(reset=True),
        Journal("d2"),
        logs=True,
    ),
    talk(
        "disconnect-half-close-in-stream",
        get("/disconnect?key=d3"),
        Head(),
        Chunk(),
        HalfClose(),
        Journal("d3"),
        Eof(),
        logs=True,
    ),
    talk(
        "disconnect-fin-before-response",
        get("/disconnect-silent?key=d4"),
        Sync(),
        Close(),
        Journal("d4"),
        logs=True,
    ),
    talk(
        "disconnect-rst-before-response",
        get("/disconnect-silent?key=d5"),
        Sync(),
        Close(reset=True),
        Journal("d5"),
        logs=True,
    ),
    talk(
        "disconnect-half-close-before-response",
        get("/disconnect-silent?key=d6"),
        Sync(),
        HalfClose(),
        Journal("d6"),
        Eof(),
        logs=True,
    ),
    talk(
        "disconnect-in-body",
        post("/disconnect-silent?key=d7", b"he", 10),
        Sync(),
        Close(),
        Journal("d7"),
        logs=True,
    ),
    talk(
        "disconnect-in-body-rst",
        post("/disconnect-silent?key=d8", b"he", 10),
        Sync(),
        Close(reset=True),
        Journal("d8"),
        logs=True,
    ),
    talk(
        "disconnect-in-body-half-close",
        post("/disconnect-silent?key=d9", b"he", 10),
        Sync(),
        HalfClose(),
        Journal("d9"),
        Eof(),
        logs=True,
    ),
    talk(
        "disconnect-in-chunked-body",
        Send(request("POST", "/disconnect-silent?key=d10", [("Transfer-Encoding", "chunked")], b"5\r\nhe")),
        Sync(),
        Close(),
        Journal("d10"),
        logs=True,
    ),
    talk(
        "disconnect-then-reply", get("/disconnect-reply?key=d11"), Sync(), Close(), Journal("d11"), logs=True
    ),
    talk(
        "disconnect-noticed-in-send",
        get("/disconnect-in-send?key=d12"),
        Head(),
        Chunk(),
        Close(reset=True),
        Sync(),
        Release("d12"),
        Journal("d12"),
        logs=True,
    ),
    talk(
        "trap21-broken-chunk-is-a-disconnect-for-the-app",
        Send(request("POST", "/disconnect-silent?key=d13", [CHUNKED], b"2\r\nhe\r\n")),
        Sync(),
        Send(b"+2\r\nhe\r\n"),
        Expect(),
        Journal("d13"),
        Eof(),
        logs=True,
    ),
    talk(
        "trap21-broken-chunk-after-the-head",
        Send(request("POST", "/duplex", [("Transfer-Encoding", "chunked")], b"2\r\nhe\r\n")),
        Head(),
        Chunk(),
        Chunk(),
        Send(b"+2\r\nhe\r\n"),
        Eof(),
        logs=True,
    ),
    talk("half-close-after-response", Send(PLAIN), Expect(), HalfClose(), Eof(), logs=True),
    talk("half-close-in-next-head", Send(PLAIN), Expect(), Send(METHOD[:10]), HalfClose(), Eof(), logs=True),
    talk("bare-probe-without-a-byte", Close(), logs=True),
    talk("bare-probe-reset", Close(reset=True), logs=True),
    talk("half-close-after-stream", get("/stream"), Expect(), HalfClose(), Raw(1), logs=True),
]
