"""Connections that serve more than one request (traps 26, 27 and 56)."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars

import pytest

from .apps import Message, Receive, Send, body, read_body, reply, start
from .conftest import Serve
from .latch import Latch
from .wire import Closed, chunked, get, post, post_head


def test_trap26_an_early_answer_to_a_long_upload_reaches_the_client(serve: Serve) -> None:
    """granian#616, hypercorn#18: the app refuses without reading; the client writes on, then reads the
    answer."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send, b"too large", 413, [(b"connection", b"close")])

    client = serve(app).connect()
    client.send(post_head(10_000_000) + b"x" * 100_000)
    assert client.read_response().body == b"too large"


@pytest.mark.parametrize("size", [10, 1000, 60_000])
def test_trap26_after_a_short_unread_body_the_connection_goes_on_or_ends(serve: Serve, size: int) -> None:
    """It must not hang, and the rest of the body must never be read as a request."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send, scope["path"].encode())

    client = serve(app).connect()
    client.send(post_head(size, b"/upload"))
    assert client.read_response().body == b"/upload"
    client.send(b"GET /smuggled HTTP/1.1\r\n\r\n".ljust(size, b" ")[:size])
    client.send(get(b"/next"))
    with contextlib.suppress(Closed, ConnectionError):
        assert client.read_response().body == b"/next"


def test_trap26_a_long_unread_body_is_discarded_as_it_comes(serve: Serve) -> None:
    """The connection is kept: 50 MB that nobody wants pass by, then the next request is served."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send, scope["path"].encode())

    size = 50 << 20
    client = serve(app).connect()
    client.send(post_head(size, b"/upload"))
    assert client.read_response().body == b"/upload"
    data = b"x" * (1 << 20)
    for _ in range(50):
        client.send(data)
    client.send(get(b"/next"))
    assert client.read_response().body == b"/next"


@pytest.mark.engine_only("uvicorn waits for ever: its timer is cancelled by the first bytes of the body")
def test_trap26_a_client_that_stalls_behind_an_early_answer_is_timed_out(serve: Serve) -> None:
    """Nothing of the request runs any more, so the keep-alive timeout is the one that counts (A16)."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send, b"too large", 413)

    client = serve(app, timeout_keep_alive=0.1).connect()
    client.send(post_head(1 << 30) + b"x" * 100_000)
    assert client.read_response().status == 413
    assert client.is_closed_by_peer


def test_trap27_pipelined_requests_are_answered_in_order(serve: Serve) -> None:
    """uvicorn#824, #344, #2243: all at once, with bodies of both framings between them."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        data = await read_body(receive)
        await asyncio.sleep(0)
        await reply(send, scope["path"].encode() + b":" + data)

    client = serve(app).connect()
    client.send(get(b"/1") + post(b"two", b"/2") + chunked(b"th", b"ree", target=b"/3") + get(b"/4"))
    assert [client.read_response().body for _ in range(4)] == [b"/1:", b"/2:two", b"/3:three", b"/4:"]


def test_trap27_the_next_request_arrives_while_the_first_one_runs(serve: Serve) -> None:
    """It waits; its bytes do not end up in the first one's body; it is served with a scope of its own."""
    running, go_on = Latch(), Latch()
    order: list[str] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        order.append("start " + scope["path"])
        data = await read_body(receive)
        if scope["path"] == "/1":
            running.set()
            await go_on.reached()
        await reply(send, data)
        order.append("end " + scope["path"])

    server = serve(app)
    client = server.connect()
    client.send(post(b"one", b"/1"))
    running.wait()
    client.send(post(b"two", b"/2"))
    server.barrier()
    assert order == ["start /1"]
    go_on.set()
    assert [client.read_response().body for _ in range(2)] == [b"one", b"two"]
    client.send(post(b"3", b"/3"))
    assert client.read_response().body == b"3"
    assert order[:4] == ["start /1", "end /1", "start /2", "end /2"]


@pytest.mark.parametrize("who", ["client", "app"])
def test_trap27_requests_behind_a_close_are_ignored(serve: Serve, who: str) -> None:
    """uvicorn#2488: the response that says `close` is the last one, and the second app call never happens."""
    paths: list[str] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        paths.append(scope["path"])
        await reply(send, headers=[(b"connection", b"close")] if who == "app" else [])

    client = serve(app).connect()
    fields = b"Connection: close\r\n" if who == "client" else b""
    client.send(get(b"/1", fields) + get(b"/2"))
    response = client.read_response()
    assert response.values(b"connection") == [b"close"]
    assert client.read_to_end() == b""
    assert paths == ["/1"]


def test_trap27_an_idle_connection_is_closed_after_the_timeout(serve: Serve) -> None:
    """`timeout_keep_alive` counts from the end of a response."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send)

    client = serve(app, timeout_keep_alive=0.05).connect()
    client.send(get())
    assert client.read_response().status == 200
    assert client.is_closed_by_peer


def test_trap27_the_keep_alive_timer_does_not_end_a_request(serve: Serve) -> None:
    """A second request runs for much longer than the timeout: proof is a third connection that ran into
    it."""
    running, go_on = Latch(), Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            await send(start())
            await send(body(b"a", more=True))
            running.set()
            await go_on.reached()
            await send(body(b"b"))
        else:
            await reply(send)

    server = serve(app, timeout_keep_alive=0.05)
    busy = server.connect()
    busy.send(get() + get(b"/slow"))
    assert busy.read_response().body == b"ok"
    running.wait()
    for _ in range(3):
        idle = server.connect()
        idle.send(get())
        idle.read_response()
        assert idle.is_closed_by_peer
    go_on.set()
    assert busy.read_response().body == b"ab"


def test_trap27_http_1_0_is_closed_after_its_response(serve: Serve) -> None:
    """Without being asked to keep the connection."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send)

    client = serve(app).connect()
    client.send(b"GET / HTTP/1.0\r\n\r\n")
    assert client.read_to_end().endswith(b"\r\n\r\nok")


def test_trap56_every_request_calls_the_app(serve: Serve) -> None:
    """turboAPI cached what a handler without parameters returned: nothing is ever served twice."""
    calls = 0

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        nonlocal calls
        calls += 1
        await reply(send, b"%d" % calls)

    server = serve(app)
    client = server.connect()
    for number in range(1, 6):
        client.send(get())
        assert client.read_response().body == b"%d" % number
    assert server.get().body == b"6"


@pytest.mark.engine_only("cpython#140947: asyncio may carry the context of one request over to the next")
def test_context_variables_do_not_travel_along_a_connection(serve: Serve) -> None:
    """uvicorn#2167: a variable set in one request must not be seen in the next on the same connection."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    seen: list[str] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        seen.append(variable.get())
        variable.set(scope["path"])
        await read_body(receive)
        await asyncio.sleep(0)
        assert variable.get() == scope["path"]
        await reply(send)

    client = serve(app).connect()
    client.send(get(b"/1") + post(b"x", b"/2"))
    client.read_response()
    client.read_response()
    client.send(get(b"/3"))
    client.read_response()
    assert seen == ["unset"] * 3
