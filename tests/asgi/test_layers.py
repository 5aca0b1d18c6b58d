"""The engine's layers in front of an app, over real sockets.

With TEST_ENGINE_LAYERS='{"timeout": {"seconds": 600, "status": 503}, "body_limit": {"limit": 1000000000}}' in
the environment all other tests of this directory run behind layers too, which must change nothing.
"""

from __future__ import annotations

import asyncio
import gzip
import zlib
from http import HTTPStatus
from typing import Any

import pytest

from turboapi import loop as turbo_loop
from turboapi._engine import HttpServer

from .apps import Message, Receive, Send, reply
from .conftest import Serve
from .latch import Latch
from .websocket import TEXT, WebSocket, handshake
from .wire import Closed, Connection, get

pytestmark = pytest.mark.engine_only("uvicorn has no layers")

REQUEST_ID = {"request_id": {"header": "x-request-id", "accept_incoming": True}}
LIMIT = {"body_limit": {"limit": 10}}
TIMEOUT = {"timeout": {"seconds": 0.05, "status": 503}}
SAFE = {
    "security_headers": {"headers": [("x-frame-options", "DENY"), ("strict-transport-security", "max-age=1")]}
}
COMPRESSION = {
    "compression": {
        "codings": ["zstd", "br", "gzip"],
        "minimum_size": 500,
        "gzip_level": 6,
        "content_types": None,
    }
}


async def count_body(scope: Message, receive: Receive, send: Send) -> None:
    """Answer with the number of bytes that came."""
    count, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise OSError("the client is gone")
        count += len(message["body"])
        more = message["more_body"]
    await reply(send, str(count).encode())


def chunk(data: bytes) -> bytes:
    """`data` as a chunk (RFC 9112 section 7.1)."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def assert_closed(connection: Connection) -> None:
    """The server has closed it and left nothing unread."""
    with pytest.raises(Closed, match=r"b''"):
        connection.read_exactly(1)


CHUNKED = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_a_chunked_body_over_the_limit_is_refused(serve: Serve) -> None:
    """In one piece, and in pieces of which the last is too much while the app waits for it."""
    served = serve(count_body, layers=LIMIT)
    for pieces in ([b"12345678901"], [b"12345", b"67890", b"1"]):
        connection = served.connect()
        connection.send(CHUNKED)
        for piece in pieces:
            served.barrier()
            connection.send(chunk(piece))
        response = connection.read_response()
        # The phrase is that of the Python that serves, as in uvicorn.
        assert response.status_line.decode() == f"HTTP/1.1 413 {HTTPStatus(413).phrase}"
        assert response.body == b"Content Too Large"
        assert response.values(b"connection") == [b"close"]
        assert response.values(b"content-type") == [b"text/plain; charset=utf-8"]
        assert_closed(connection)
        [line] = served.access_lines()
        assert line.endswith('"POST / HTTP/1.1" 413')
    served.forget_errors()


def test_a_body_within_the_limit_is_read(serve: Serve) -> None:
    served = serve(count_body, layers=LIMIT)
    connection = served.connect()
    connection.send(CHUNKED + chunk(b"12345") + chunk(b"67890") + b"0\r\n\r\n")
    assert connection.read_response().body == b"10"
    connection.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n1234567890")
    assert connection.read_response().body == b"10"


def test_an_announced_body_over_the_limit_never_reaches_the_app(serve: Serve) -> None:
    """And a client that asks first does not have to send it (RFC 9110 section 10.1.1)."""
    called = False

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        nonlocal called
        called = True

    served = serve(app, layers=LIMIT)
    for expect in (b"", b"Expect: 100-continue\r\n"):
        connection = served.connect()
        connection.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 11\r\n" + expect + b"\r\n")
        assert connection.read_response().status == 413
        assert_closed(connection)
    assert not called


def test_an_answer_that_has_begun_is_not_replaced(serve: Serve) -> None:
    """The app that reads while it answers learns of the excess as of a client that went away."""
    begun, told = Latch(), Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        begun.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        told.set()

    served = serve(app, layers=LIMIT)
    connection = served.connect()
    connection.send(CHUNKED + chunk(b"1"))
    begun.wait()
    assert connection.read_head().status == 200
    connection.send(chunk(b"2345678901"))
    told.wait()


def test_a_slow_app_is_answered_for(serve: Serve) -> None:
    """It learns of it as of a client that went away; the connection goes on."""
    told = Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["path"] == "/":
            await reply(send)
            return
        message = await receive()
        while message["type"] != "http.disconnect":
            message = await receive()
        # As after any disconnect, what it sends goes nowhere.
        await reply(send, b"late")
        told.set()

    served = serve(app, layers=TIMEOUT, headers=[(b"x-default", b"1")])
    connection = served.connect()
    connection.send(get(b"/slow"))
    response = connection.read_response()
    assert response.status_line == b"HTTP/1.1 503 Service Unavailable"
    assert response.body == b"Request timed out"
    # What the server adds to every response.
    assert response.values(b"x-default") == [b"1"]
    assert response.values(b"server") == [b"turboapi"]
    told.wait()
    connection.send(get())
    assert connection.read_response().status == 200
    assert [line.rsplit(" ", 1)[1] for line in served.access_lines()] == ["503", "200"]
    assert served.http.total_requests == 2


def test_a_response_that_has_begun_may_last(serve: Serve) -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.2)
        await send({"type": "http.response.body", "body": b"late"})

    assert serve(app, layers=TIMEOUT).get().body == b"late"


def test_http_1_0_is_answered_in_kind(serve: Serve) -> None:
    served = serve(count_body, layers=LIMIT)
    connection = served.connect()
    connection.send(b"POST / HTTP/1.0\r\nContent-Length: 11\r\n\r\n")
    response = connection.read_response()
    assert response.status_line.startswith(b"HTTP/1.0 413 ")
    assert_closed(connection)


def test_a_request_id_is_in_the_scope_the_response_and_the_access_log(serve: Serve) -> None:
    scopes: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await reply(send)

    served = serve(app, layers=REQUEST_ID | LIMIT)
    for incoming, kept in ((b"abc-1", True), (b"a b", False), (b"", False)):
        response = served.get(headers=b"X-Request-ID: %s\r\nX-Last: 1\r\n" % incoming)
        [sent] = response.values(b"x-request-id")
        assert (sent == incoming) is kept
        headers = scopes.pop()["headers"]
        assert [value for name, value in headers if name == b"x-request-id"] == [sent]
        # The field stays where it was.
        assert [name for name, _ in headers] == [b"host", b"x-request-id", b"x-last"]
        assert served.access_lines()[0].endswith(b'HTTP/1.1" 200 %s'.decode() % sent.decode())
    # What a layer answers has one too.
    connection = served.connect()
    connection.send(b"POST / HTTP/1.1\r\nHost: test\r\nX-Request-ID: r-9\r\nContent-Length: 11\r\n\r\n")
    response = connection.read_response()
    assert (response.status, response.values(b"x-request-id")) == (413, [b"r-9"])
    assert served.access_lines()[0].endswith("413 r-9")


def test_fields_keep_their_order_when_a_layer_changes_one(serve: Serve) -> None:
    """Names that come again are moved together by the engine's map; the app gets them as they came."""
    scopes: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await reply(send)

    fields = b"A: 1\r\nX-Request-ID: %s\r\nB: 1\r\nA: 2\r\n%sB: 2\r\n"
    for first, again, names in (
        (b"id", b"", b"host a x-request-id b a b"),
        (b"a b", b"", b"host a x-request-id b a b"),
        (b"id", b"X-Request-ID: other\r\n", b"host a x-request-id b a b"),
    ):
        response = serve(app, layers=REQUEST_ID).get(headers=fields % (first, again))
        headers = scopes.pop()["headers"]
        assert [name for name, _ in headers] == names.split()
        assert [value for name, value in headers if name in (b"a", b"b")] == [b"1", b"1", b"2", b"2"]
        assert (b"x-request-id", response.values(b"x-request-id")[0]) in headers
    response = serve(app, layers=REQUEST_ID).get(headers=b"A: 1\r\nB: 1\r\nA: 2\r\n")
    assert [name for name, _ in scopes.pop()["headers"]] == [b"host", b"a", b"b", b"a", b"x-request-id"]


def test_websockets_pass_through_all_layers(serve: Serve) -> None:
    scopes: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await receive()
        if scope["path"] == "/no":
            await send({"type": "websocket.close"})
            return
        await send({"type": "websocket.accept"})
        await asyncio.sleep(0.2)
        await send({"type": "websocket.send", "text": (await receive())["text"]})
        await receive()

    served = serve(app, layers=REQUEST_ID | SAFE | TIMEOUT | LIMIT | COMPRESSION)
    websocket = WebSocket(served, headers=b"X-Request-ID: w-1\r\nAccept-Encoding: gzip\r\n")
    assert websocket.response.values(b"x-request-id") == [b"w-1"]
    assert websocket.response.values(b"x-frame-options") == []
    websocket.send(TEXT, b"more than ten bytes")
    assert websocket.read().payload == b"more than ten bytes"
    assert scopes[0]["type"] == "websocket"
    assert (b"x-request-id", b"w-1") in scopes[0]["headers"]

    connection = served.connect()
    connection.send(handshake(b"/no"))
    assert connection.read_response().status == 403


def test_a_handshake_that_takes_too_long_is_refused(serve: Serve) -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "websocket.disconnect":
            pass

    served = serve(app, layers=TIMEOUT)
    connection = served.connect()
    connection.send(handshake())
    assert connection.read_response().status == 503
    assert served.access_lines()[0].endswith('"GET / HTTP/1.1" 503')


def test_hsts_is_for_those_who_came_by_https(serve: Serve) -> None:
    served = serve(count_body, layers=SAFE)
    for headers, expected in ((b"", []), (b"X-Forwarded-Proto: https\r\n", [b"max-age=1"])):
        response = served.get(headers=headers)
        assert response.values(b"x-frame-options") == [b"DENY"]
        assert response.values(b"strict-transport-security") == expected


async def text_app(scope: Message, receive: Receive, send: Send) -> None:
    """Answer with as many bytes of text as the path says."""
    body = b"x" * int(scope["path"][1:])
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def test_long_answers_are_compressed(serve: Serve) -> None:
    served = serve(text_app, layers=COMPRESSION)
    response = served.get(b"/5000", b"Accept-Encoding: gzip\r\n")
    assert response.values(b"content-encoding") == [b"gzip"]
    assert response.values(b"vary") == [b"accept-encoding"]
    assert response.is_chunked
    assert not response.values(b"content-length")
    assert gzip.decompress(response.body) == b"x" * 5000
    assert served.get(b"/5000", b"Accept-Encoding: gzip, br, zstd\r\n").values(b"content-encoding") == [
        b"zstd"
    ]
    plain = served.get(b"/5000")
    assert (plain.body, plain.values(b"vary")) == (b"x" * 5000, [b"accept-encoding"])
    short = served.get(b"/499", b"Accept-Encoding: gzip\r\n")
    assert (short.body, short.values(b"vary"), short.values(b"content-length")) == (b"x" * 499, [], [b"499"])


def test_a_head_request_tells_what_get_would(serve: Serve) -> None:
    served = serve(text_app, layers=COMPRESSION)
    request = b"HEAD /5000 HTTP/1.1\r\nHost: test\r\nAccept-Encoding: gzip\r\n\r\n"
    response = served.ask(request, method=b"HEAD")
    assert response.values(b"content-encoding") == [b"gzip"]
    assert not response.values(b"content-length")


def test_a_stream_is_compressed_as_it_flows(serve: Serve) -> None:
    """What was sent before the app waits can be read before it goes on."""
    seen = Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
        )
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await seen.reached()
        await send({"type": "http.response.body", "body": b"second"})

    served = serve(app, layers=COMPRESSION)
    connection = served.connect()
    connection.send(get(headers=b"Accept-Encoding: gzip\r\n"))
    assert connection.read_head().values(b"content-encoding") == [b"gzip"]
    decoder: Any = zlib.decompressobj(wbits=31)
    text = b""
    while text != b"first":
        text += decoder.decompress(connection.read_chunk())
    seen.set()
    while piece := connection.read_chunk():
        text += decoder.decompress(piece)
    assert text == b"firstsecond"


def test_a_client_that_leaves_a_compressed_stream_is_missed(serve: Serve) -> None:
    begun, told = Latch(), Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
        )
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        begun.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        told.set()

    served = serve(app, layers=COMPRESSION)
    connection = served.connect()
    connection.send(get(headers=b"Accept-Encoding: gzip\r\n"))
    begun.wait()
    connection.close()
    told.wait()


@pytest.mark.parametrize(
    ("layers", "problem"),
    [
        ({"magic": {}}, 'there is no layer "magic"'),
        ({"compression": COMPRESSION["compression"] | {"codings": ["lzw"]}}, "is not a content coding"),
        ({"request_id": {"header": "a b", "accept_incoming": True}}, "is not the name of a header"),
        ({"security_headers": {"headers": [("x-a", "\n")]}}, "is not the value of a header"),
        ({"timeout": {"seconds": -1.0, "status": 503}}, "must be a number of seconds"),
    ],
)
def test_settings_that_cannot_apply_are_refused(layers: dict[str, Any], problem: str) -> None:
    """`turboapi.middleware` checks before; this is the engine's own word."""

    async def create() -> None:
        HttpServer(asyncio.get_running_loop(), count_body, layers=layers)

    with pytest.raises(ValueError, match=problem):
        turbo_loop.run(create())
