"""Work that an app does after the last byte of its response."""

from __future__ import annotations

import asyncio

import pytest
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse

from .apps import Message, Receive, Send, read_body, reply
from .conftest import Serve
from .latch import Latch
from .wire import get, post


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_response_is_complete_before_the_work_ends(serve: Serve, method: str) -> None:
    """starlette#919, fastapi#2215: a client must not wait for a background task."""
    go_on, ended = Latch(), Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await read_body(receive)
        await reply(send)
        await go_on.reached()
        ended.set()

    client = serve(app).connect()
    client.send(get() if method == "get" else post(b"x" * 100_000))
    assert client.read_response().body == b"ok"
    assert not ended.is_set
    go_on.set()
    ended.wait()


@pytest.mark.parametrize("pipelined", [False, True])
def test_the_next_request_is_served_while_the_work_runs(serve: Serve, pipelined: bool) -> None:
    """On the same connection: the exchange is over, though the first call of the app is not."""
    go_on, ended = Latch(), Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await read_body(receive)
        await reply(send, scope["path"].encode())
        if scope["path"] == "/1":
            await go_on.reached()
            ended.set()

    client = serve(app).connect()
    if pipelined:
        client.send(get(b"/1") + get(b"/2"))
        assert client.read_response().body == b"/1"
    else:
        client.send(get(b"/1"))
        assert client.read_response().body == b"/1"
        client.send(get(b"/2"))
    assert client.read_response().body == b"/2"
    assert not ended.is_set
    go_on.set()
    ended.wait()


def test_the_work_goes_on_when_the_client_leaves(serve: Serve) -> None:
    """The response was complete: nothing is cancelled."""
    working, go_on, ended = Latch(), Latch(), Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send)
        working.set()
        await go_on.reached()
        ended.set()

    server = serve(app)
    client = server.connect()
    client.send(get())
    client.read_response()
    working.wait()
    client.reset()
    server.barrier()
    go_on.set()
    ended.wait()
    assert server.errors == []


def test_an_error_of_the_work_does_not_reach_the_client(serve: Serve) -> None:
    """It is logged, and the response that was sent stays whole."""
    go_on = Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send)
        await go_on.reached()
        raise ValueError("in the background")

    server = serve(app)
    client = server.connect()
    client.send(get())
    response = client.read_response()
    assert (response.body, response.complete) == (b"ok", True)
    go_on.set()
    while not server.errors:
        server.barrier()
    assert server.error_texts == ["Exception in ASGI application\n"]


def test_starlettes_background_task_runs_after_the_response(serve: Serve) -> None:
    """With the stock response class, in the stock order."""
    go_on, ended = Latch(), Latch()

    async def work() -> None:
        await go_on.reached()
        ended.set()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await PlainTextResponse("text", background=BackgroundTask(work))(scope, receive, send)

    assert serve(app).get().body == b"text"
    assert not ended.is_set
    go_on.set()
    ended.wait()


@pytest.mark.engine_only("the counters are the engine's")
def test_running_work_is_counted_and_waited_for(serve: Serve) -> None:
    """`requests_in_flight` has it, `total_requests` counts the response, `closed()` waits for it."""
    go_on = Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send)
        await go_on.reached()

    server = serve(app)
    client = server.connect()
    client.send(get())
    client.read_response()

    async def counters() -> tuple[int, int]:
        return server.http.requests_in_flight, server.http.total_requests

    assert server.on_loop(counters) == (1, 1)

    async def drain() -> bool:
        server.http.drain()
        closed = server.http.closed()
        for _ in range(20):
            await asyncio.sleep(0)
        before = bool(closed.done())
        go_on.set()
        await closed
        return before

    assert server.on_loop(drain) is False
    assert server.on_loop(counters) == (0, 1)
