"""Requests that are not HTTP/1.1, or that two readers could understand differently (traps 20 to 24)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from .apps import App, Message, Receive, Send, read_body, reply
from .conftest import Serve
from .wire import get


@dataclass(frozen=True)
class Bad:
    """A request to refuse; `uvicorn` tells whether httptools refuses it too."""

    name: str
    data: bytes
    uvicorn: bool = True


def head(*lines: bytes, method: bytes = b"POST", version: bytes = b"HTTP/1.1") -> bytes:
    """A head with a Host."""
    return b"\r\n".join([method + b" / " + version, b"Host: test", *lines, b"", b""])


HEADS = [
    Bad(
        "trap20-length-then-chunked", head(b"Content-Length: 3", b"Transfer-Encoding: chunked") + b"0\r\n\r\n"
    ),
    Bad(
        "trap20-chunked-then-length", head(b"Transfer-Encoding: chunked", b"Content-Length: 3") + b"0\r\n\r\n"
    ),
    Bad("trap20-two-lengths", head(b"Content-Length: 3", b"Content-Length: 4") + b"abcd"),
    Bad("trap20-length-list", head(b"Content-Length: 3, 4") + b"abcd"),
    Bad("trap21-length-plus", head(b"Content-Length: +5") + b"hello"),
    Bad("trap21-length-minus", head(b"Content-Length: -5") + b"hello"),
    Bad("trap21-length-underscore", head(b"Content-Length: 1_0") + b"helloworld"),
    Bad("trap21-length-hex", head(b"Content-Length: 0x5") + b"hello"),
    Bad("trap21-length-empty", head(b"Content-Length:") + b"hello"),
    Bad("trap21-length-word", head(b"Content-Length: five") + b"hello"),
    Bad("trap21-length-overflow", head(b"Content-Length: 18446744073709551617") + b"h"),
    Bad("trap21-space-before-colon", head(b"X-A : 1", method=b"GET")),
    Bad("trap21-length-space-before-colon", head(b"Content-Length : 5") + b"hello"),
    Bad("trap21-vertical-tab-around-chunked", head(b"Transfer-Encoding: \x0bchunked") + b"0\r\n\r\n"),
    Bad("trap21-form-feed-around-chunked", head(b"Transfer-Encoding: \x0cchunked") + b"0\r\n\r\n"),
    Bad("trap21-next-line-around-chunked", head(b"Transfer-Encoding: \x85chunked") + b"0\r\n\r\n"),
    Bad("trap21-no-break-space-around-chunked", head(b"Transfer-Encoding: chunked\xa0") + b"0\r\n\r\n"),
    Bad("trap21-xchunked", head(b"Transfer-Encoding: xchunked") + b"0\r\n\r\n"),
    Bad("trap21-name-with-nul", head(b"X\0A: 1", method=b"GET")),
    Bad("trap21-value-with-nul", head(b"X-A: a\0b", method=b"GET")),
    Bad("trap21-value-with-bare-cr", head(b"X-A: a\rb", method=b"GET")),
    Bad("trap21-no-colon", head(b"X-A", method=b"GET")),
    Bad("trap21-empty-name", head(b": 1", method=b"GET")),
    Bad("trap21-folded-value", head(b"X-A: 1", b" 2", method=b"GET"), uvicorn=False),
    Bad("trap21-blank-first", head(b" X-A: 1", method=b"GET"), uvicorn=False),
    Bad("trap22-no-host", b"GET / HTTP/1.1\r\n\r\n", uvicorn=False),
    Bad("trap22-two-hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", uvicorn=False),
    Bad(
        "trap23-chunked-on-1.0",
        head(b"Transfer-Encoding: chunked", version=b"HTTP/1.0") + b"0\r\n\r\n",
        False,
    ),
    Bad("trap23-stacked-codings", head(b"Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n", uvicorn=False),
    Bad("trap23-chunked-not-last", head(b"Transfer-Encoding: chunked, gzip") + b"0\r\n\r\n"),
    Bad("trap23-chunked-twice", head(b"Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n"),
    Bad(
        "trap23-two-fields",
        head(b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
        False,
    ),
    Bad("no-version", b"GET /\r\nHost: a\r\n\r\n", uvicorn=False),
    Bad("version-2", b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", uvicorn=False),
    Bad("version-9", b"GET / HTTP/9.9\r\nHost: a\r\n\r\n"),
    Bad("lower-case-http", b"GET / http/1.1\r\nHost: a\r\n\r\n"),
    Bad("space-in-target", b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
    Bad("method-with-odd-bytes", b"GE\x01T / HTTP/1.1\r\nHost: a\r\n\r\n"),
    Bad("tls-client-hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 40),
]

BODIES = [
    Bad("trap21-empty-chunk-size", b"\r\nhello\r\n0\r\n\r\n"),
    Bad("trap21-chunk-size-plus", b"+5\r\nhello\r\n0\r\n\r\n"),
    Bad("trap21-chunk-size-minus", b"-5\r\nhello\r\n0\r\n\r\n"),
    Bad("trap21-chunk-size-0x", b"0x5\r\nhello\r\n0\r\n\r\n"),
    Bad("trap21-chunk-size-underscore", b"0_5\r\nhello\r\n0\r\n\r\n"),
    Bad("trap21-chunk-size-blank-first", b" 5\r\nhello\r\n0\r\n\r\n"),
    Bad("trap21-chunk-size-overflow", b"ffffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    Bad("trap21-bare-lf-after-size", b"5\nhello\r\n0\r\n\r\n"),
    Bad("trap21-bare-lf-after-data", b"5\r\nhello\n0\r\n\r\n"),
    Bad("trap23-bare-cr-in-extension", b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    Bad("trap23-bare-lf-in-extension", b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    Bad("trap24-two-bytes-after-data", b"5\r\nhelloXX0\r\n\r\n"),
    Bad("trap24-data-longer-than-size", b"4\r\nhello\r\n0\r\n\r\n"),
    Bad("trap24-data-shorter-than-size", b"6\r\nhello\r\n0\r\n\r\n"),
]


def recording(paths: list[str]) -> App:
    """An app that reads the whole body and notes that it got one."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        message: Message = {"more_body": True}
        while message.get("more_body"):
            message = await receive()
        if message["type"] == "http.request":
            paths.append(scope["path"])
            await reply(send)

    return app


def refused(case: Bad, kind: str) -> None:
    """Skip what uvicorn lets through."""
    if kind == "uvicorn" and not case.uvicorn:
        pytest.skip("httptools lets it through")


@pytest.mark.parametrize("case", HEADS, ids=lambda case: case.name)
def test_trap20_to_23_a_bad_head_is_answered_400_and_the_connection_closed(serve: Serve, case: Bad) -> None:
    """hyper#4123, gunicorn#3364, http-garden, uvicorn#3125: the app is not called, nor for what follows."""
    refused(case, serve.kind)
    paths: list[str] = []
    server = serve(recording(paths))
    client = server.connect()
    client.send(case.data + get(b"/smuggled"))
    response = client.read_response()
    assert response.status == 400
    assert client.read_to_end() == b""
    assert paths == []


def test_the_preface_of_http_2_ends_the_connection(serve: Serve) -> None:
    """A client with prior knowledge: it cannot read HTTP/1.1, so hyper only hangs up."""
    paths: list[str] = []
    client = serve(recording(paths)).connect()
    client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + get(b"/smuggled"))
    assert client.read_to_end()[:13] in (b"", b"HTTP/1.1 400 ")
    assert paths == []


@pytest.mark.parametrize("case", BODIES, ids=lambda case: case.name)
def test_trap21_to_24_a_bad_chunk_ends_the_connection(serve: Serve, case: Bad) -> None:
    """CVE-2025-43859: what follows is not read as data nor as a request; the app's body never completes."""
    refused(case, serve.kind)
    paths: list[str] = []
    server = serve(recording(paths))
    client = server.connect()
    client.send(head(b"Transfer-Encoding: chunked") + case.data + get(b"/smuggled"))
    rest = client.read_to_end()
    assert b"200 OK" not in rest
    assert paths == []


@pytest.mark.parametrize(
    "data",
    [
        b"5;name=value\r\nhello\r\n0\r\n\r\n",
        b'5;name="quoted;\\"value"\r\nhello\r\n0\r\n\r\n',
        b"005\r\nhello\r\n000\r\n\r\n",
        b"2\r\nhe\r\n3\r\nllo\r\n0\r\nX-Trailer: 1\r\n\r\n",
        b"5\r\nhello\r\n0;last\r\n\r\n",
    ],
    ids=["extension", "quoted-extension", "leading-zeros", "trailer", "extension-of-last"],
)
def test_trap23_legal_chunks_are_read(serve: Serve, data: bytes) -> None:
    """RFC 9112 section 7.1: extensions and trailers are skipped, hexadecimal sizes of any length are read."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send, await read_body(receive))

    client = serve(app).connect()
    for _ in range(2):
        client.send(head(b"Transfer-Encoding: chunked") + data)
        assert client.read_response().body == b"hello"


@pytest.mark.parametrize("coding", [b"chunked", b"Chunked", b"CHUNKED", b" \tchunked "])
def test_trap21_the_name_of_the_coding_has_no_case(serve: Serve, coding: bytes) -> None:
    """RFC 9112 section 7: transfer codings are case-insensitive; only blanks and tabs may surround them."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send, await read_body(receive))

    response = serve(app).ask(head(b"Transfer-Encoding:" + coding) + b"5\r\nhello\r\n0\r\n\r\n")
    assert response.body == b"hello"


def test_trap22_http_1_0_needs_no_host(serve: Serve) -> None:
    """RFC 9112 section 3.2 asks it of HTTP/1.1 only."""
    paths: list[str] = []
    assert serve(recording(paths)).ask(b"GET / HTTP/1.0\r\n\r\n").status == 200


def test_empty_lines_before_a_request_are_skipped(serve: Serve) -> None:
    """RFC 9112 section 2.2: clients that end their bodies with an extra CRLF."""
    paths: list[str] = []
    client = serve(recording(paths)).connect()
    client.send(b"\r\n" + get(b"/1") + b"\r\n" + get(b"/2"))
    assert [client.read_response().status for _ in range(2)] == [200, 200]
    assert paths == ["/1", "/2"]


@pytest.mark.engine_only("uvicorn has no limit: httptools takes whatever comes")
@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-Many: 1\r\n" * 20_000 + b"\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
    ids=["long-field", "many-fields", "long-target"],
)
def test_a_head_without_end_is_refused(serve: Serve, data: bytes) -> None:
    """431 or 414, and the connection is closed: memory of a head is bounded."""
    paths: list[str] = []
    client = serve(recording(paths)).connect()
    client.send(data)
    assert client.read_response().status in (414, 431)
    assert client.read_to_end() == b""
    assert paths == []


@pytest.mark.engine_only("uvicorn has no such timeout")
def test_a_head_that_does_not_end_is_timed_out(serve: Serve) -> None:
    """Slowloris (xinference#5213): the head has a deadline as a whole, bytes in between do not extend it."""
    paths: list[str] = []
    server = serve(recording(paths), timeout_header=0.1)
    silent, slow = server.connect(), server.connect()
    slow.send(b"GET / HTTP/1.1\r\n")
    assert silent.is_closed_by_peer
    try:
        while not slow.has_unread():
            slow.send(b"X-A: 1\r\n")
            server.barrier()
    except ConnectionError:
        pass
    assert paths == []
