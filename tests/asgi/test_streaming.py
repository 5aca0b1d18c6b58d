"""Streamed responses (traps 3, 4, 54 and 55)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.background import BackgroundTask
from starlette.responses import StreamingResponse

from .apps import Message, Receive, Send, body, start
from .conftest import Serve
from .latch import Latch
from .wire import get


def test_the_head_goes_out_before_the_first_byte_of_the_body(serve: Serve) -> None:
    """A client of an event stream waits for the head; granian#607."""
    go_on = Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(start(headers=[(b"content-type", b"text/event-stream")]))
        await go_on.reached()
        await send(body(b"event"))

    client = serve(app).connect()
    client.send(get())
    head = client.read_head()
    assert head.status == 200
    assert head.is_chunked
    go_on.set()
    assert (client.read_chunk(), client.read_chunk()) == (b"event", b"")


def test_each_part_is_on_the_wire_when_send_returns(serve: Serve) -> None:
    """One chunk a message, not held back until the next: the app goes on only after the client has seen
    it."""
    gates = [Latch() for _ in range(5)]

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(start())
        for number, gate in enumerate(gates):
            await send(body(b"part %d" % number, more=True))
            await gate.reached()
        await send(body())

    client = serve(app).connect()
    client.send(get())
    client.read_head()
    for number, gate in enumerate(gates):
        assert client.read_chunk() == b"part %d" % number
        gate.set()
    assert client.read_chunk() == b""


def test_an_empty_part_does_not_end_a_chunked_body(serve: Serve) -> None:
    """A chunk of size 0 is the last one: it must not be written for an empty message."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"", more=True))
        await send(body(b"a", more=True))
        await send(body(b"", more=True))
        await send({"type": "http.response.body", "more_body": True})
        await send(body(b"b"))

    client = serve(app).connect()
    for _ in range(2):
        client.send(get())
        response = client.read_response()
        assert (response.body, response.complete) == (b"ab", True)


def test_many_small_parts_arrive_in_order(serve: Serve) -> None:
    """Without a pause between them the server may join chunks, but not lose or reorder them."""
    expected = b"".join(b"%d," % number for number in range(5000))

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(
            start(headers=[(b"content-length", b"%d" % len(expected))] if scope["path"] == "/length" else [])
        )
        for number in range(5000):
            await send(body(b"%d," % number, more=True))
        await send(body())

    client = serve(app).connect()
    for target in (b"/", b"/length", b"/"):
        client.send(get(target))
        assert client.read_response().body == expected


@pytest.mark.engine_only("uvicorn sends chunks, which an HTTP/1.0 client cannot read")
def test_a_stream_to_an_http_1_0_client_ends_with_the_connection(serve: Serve) -> None:
    """RFC 9112 section 6.1: no transfer codings in a response to HTTP/1.0."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"one", more=True))
        await send(body(b"two"))

    response = serve(app).ask(b"GET / HTTP/1.0\r\n\r\n")
    assert response.values(b"transfer-encoding") == []
    assert response.body == b"onetwo"


@pytest.mark.parametrize("framing", [[], [(b"content-length", b"1000000")]], ids=["chunked", "length"])
def test_trap54_what_was_sent_before_a_failure_arrives(
    serve: Serve, framing: list[tuple[bytes, bytes]]
) -> None:
    """The client sees each byte up to the failure, and that the rest is missing."""
    go_on = Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(start(headers=framing))
        await send(body(b"a" * 100_000, more=True))
        await go_on.reached()
        await send(body(b"b" * 50_000, more=True))
        raise ValueError

    client = serve(app).connect()
    client.send(get())
    head = client.read_head()
    go_on.set()
    rest = client.read_to_end()
    assert rest.count(b"a") == 100_000 + (head.is_chunked and rest[:20].split(b"\r\n")[0].count(b"a"))
    assert rest.count(b"b") >= 50_000
    assert not rest.endswith(b"0\r\n\r\n")


def test_trap55_a_disconnect_cancels_the_stream(serve: Serve) -> None:
    """lsst/daf_butler#1407, fastapi#14680: with spec_version 2.3 Starlette listens while it streams (trap 4).

    An idle generator is cancelled when the client goes. Starlette 1.x runs the background task all the same,
    as the stream's end looks like any other to it; for an app behind the bridge nothing else differs from
    uvicorn.
    """
    streaming, cancelled, ended = Latch(), Latch(), Latch()
    background: list[str] = []

    async def parts() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            streaming.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        task = BackgroundTask(background.append, "ran")
        try:
            await StreamingResponse(parts(), background=task)(scope, receive, send)
        finally:
            ended.set()

    server = serve(app)
    client = server.connect()
    client.send(get())
    client.read_head()
    streaming.wait()
    client.close()
    cancelled.wait()
    ended.wait()
    server.barrier()
    assert server.errors == []
    assert background == ["ran"]


def test_trap03_a_stream_ends_well_with_starlettes_listener(serve: Serve) -> None:
    """The listener task waits in `receive()` during the whole stream and is cancelled at its end."""

    async def parts() -> AsyncIterator[bytes]:
        for number in range(10):
            yield b"%d" % number
            await asyncio.sleep(0)

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await StreamingResponse(parts())(scope, receive, send)

    server = serve(app)
    client = server.connect()
    for _ in range(3):
        client.send(get())
        assert client.read_response().body == b"0123456789"
    assert server.errors == []
