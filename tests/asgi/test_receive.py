"""`receive()` of an HTTP request (traps 1 and 2)."""

from __future__ import annotations

import asyncio

import pytest

from .apps import Message, Receive, Send, body, read_body, reply, start
from .conftest import Serve
from .latch import Latch
from .wire import chunked, get, post, post_head


@pytest.mark.parametrize(
    "request_bytes", [get(), post(b"hello"), chunked(b"hel", b"lo")], ids=["get", "length", "chunked"]
)
def test_trap01_after_the_body_receive_blocks_until_the_client_is_gone(
    serve: Serve, request_bytes: bytes
) -> None:
    """asgiref#533, granian#173, uvicorn#126: servers told `http.disconnect` at once, or empty bodies for
    ever."""
    consumed, ended = Latch(), Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await read_body(receive)
        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        consumed.set()
        seen.append(await waiting)
        seen.append(await receive())
        ended.set()

    server = serve(app)
    client = server.connect()
    client.send(request_bytes)
    consumed.wait()
    server.barrier()
    assert seen == []
    client.close()
    ended.wait()
    assert seen == [{"type": "http.disconnect"}] * 2
    assert server.errors == []


def test_trap01_a_request_without_body_gives_exactly_one_empty_message(serve: Serve) -> None:
    """The one `http.request` of a GET is final and has all keys."""
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        seen.append(await receive())
        await reply(send)

    assert serve(app).get().status == 200
    assert seen == [{"type": "http.request", "body": b"", "more_body": False}]


def test_trap01_bodies_arrive_in_order_and_the_last_message_says_so(serve: Serve) -> None:
    """A body that arrives in two writes gives messages as it arrives; only the last has `more_body` False."""
    seen: list[Message] = []
    first = Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        while not seen or seen[-1]["more_body"]:
            seen.append(await receive())
            first.set()
        await reply(send)

    client = serve(app).connect()
    client.send(post_head(10) + b"01234")
    first.wait()
    client.send(b"56789")
    assert client.read_response().status == 200
    assert b"".join(message["body"] for message in seen) == b"0123456789"
    assert seen[0]["more_body"]
    assert {message["type"] for message in seen} == {"http.request"}
    assert not seen[-1]["more_body"]


def test_trap01_receive_wakes_when_the_rest_of_the_body_comes(serve: Serve) -> None:
    """The app waits in `receive()` before any byte of the body is there."""
    waiting = Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        task = asyncio.ensure_future(read_body(receive))
        await asyncio.sleep(0)
        waiting.set()
        await reply(send, await task)

    client = serve(app).connect()
    client.send(post_head(4))
    waiting.wait()
    client.send(b"body")
    assert client.read_response().body == b"body"


def test_trap01_a_cancelled_receive_loses_nothing(serve: Serve) -> None:
    """Starlette cancels its disconnect listener; what arrives afterwards is for the next `receive()`."""
    cancelled = Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        task = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        cancelled.set()
        await reply(send, await read_body(receive))

    client = serve(app).connect()
    client.send(post_head(4))
    cancelled.wait()
    client.send(b"body")
    assert client.read_response().body == b"body"


def test_trap01_two_waiters_both_learn_of_the_disconnect(serve: Serve) -> None:
    """A middleware and the endpoint may both listen for the disconnect."""
    waiting, ended = Latch(), Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await read_body(receive)
        tasks = [asyncio.ensure_future(receive()) for _ in range(2)]
        await asyncio.sleep(0)
        waiting.set()
        seen.extend(await asyncio.gather(*tasks))
        ended.set()

    server = serve(app)
    client = server.connect()
    client.send(get())
    waiting.wait()
    client.close()
    ended.wait()
    assert seen == [{"type": "http.disconnect"}] * 2


@pytest.mark.parametrize("read_first", [True, False])
def test_trap02_after_the_last_byte_receive_tells_disconnect(serve: Serve, read_first: bool) -> None:
    """uvicorn#147, asgiref#53: also when the body was never read, and as often as it is asked."""
    ended = Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if read_first:
            await read_body(receive)
        await reply(send)
        seen.append(await receive())
        seen.append(await receive())
        ended.set()

    client = serve(app).connect()
    client.send(post(b"abc"))
    assert client.read_response().status == 200
    ended.wait()
    assert seen == [{"type": "http.disconnect"}] * 2


def test_trap02_a_waiting_receive_is_woken_by_the_end_of_the_response(serve: Serve) -> None:
    """The listener of a streaming response must not outlive it, though the connection stays open."""
    ended = Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await read_body(receive)
        task = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await send(start())
        await send(body(b"a", more=True))
        await asyncio.sleep(0)
        assert not task.done()
        await send(body(b"b"))
        seen.append(await task)
        ended.set()

    server = serve(app)
    client = server.connect()
    client.send(get())
    assert client.read_response().body == b"ab"
    ended.wait()
    assert seen == [{"type": "http.disconnect"}]
    assert server.errors == []
