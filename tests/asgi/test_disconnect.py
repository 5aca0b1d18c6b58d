"""Clients that go away while their request runs."""

from __future__ import annotations

import asyncio

import pytest

from .apps import Message, Receive, Send, body, read_body, reply, start
from .conftest import Serve
from .latch import Latch
from .wire import get, post, post_head


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("started", [False, True], ids=["before-start", "after-start"])
def test_a_waiting_receive_learns_at_once(serve: Serve, how: str, started: bool) -> None:
    """granian#286: the handler of an LLM request has to know that nobody listens any more."""
    waiting, ended = Latch(), Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await read_body(receive)
        if started:
            await send(start())
            await send(body(b"first", more=True))
        waiting.set()
        seen.append(await receive())
        ended.set()

    server = serve(app)
    client = server.connect()
    client.send(post(b"abc"))
    waiting.wait()
    if started:
        client.read_head()
    (client.close if how == "close" else client.reset)()
    ended.wait()
    assert seen == [{"type": "http.disconnect"}]
    assert server.errors == []


@pytest.mark.parametrize("status", [200, 204, 304])
def test_a_stream_without_a_body_on_the_wire_learns_too(serve: Serve, status: int) -> None:
    """HEAD of an endless event stream: nothing of it is sent, but the app runs, and has to end with its
    client."""
    waiting, ended = Latch(), Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await read_body(receive)
        await send(start(status))
        await send(body(b"", more=True))
        waiting.set()
        seen.append(await receive())
        ended.set()

    server = serve(app)
    client = server.connect()
    client.send(get(method=b"HEAD" if status == 200 else b"GET"))
    waiting.wait()
    client.close()
    ended.wait()
    assert seen == [{"type": "http.disconnect"}]
    assert server.errors == []


def test_a_half_closed_connection_counts_as_gone(serve: Serve) -> None:
    """uvicorn closes the transport on EOF, so an app learns of it."""
    waiting, ended = Latch(), Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        waiting.set()
        seen.append(await receive())
        ended.set()

    client = serve(app).connect()
    client.send(get())
    waiting.wait()
    client.send_half_close()
    ended.wait()
    assert seen == [{"type": "http.disconnect"}]


@pytest.mark.parametrize("sent", [0, 10, 100_000, 500_000])
def test_a_client_that_goes_in_the_middle_of_its_body(serve: Serve, sent: int) -> None:
    """The body is incomplete: it must end in a disconnect, never in a message with `more_body` False."""
    called, ended = Latch(), Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        called.set()
        while not seen or seen[-1]["type"] == "http.request":
            seen.append(await receive())
        ended.set()

    server = serve(app)
    client = server.connect()
    client.send(post_head(1_000_000) + b"x" * sent)
    called.wait()
    client.close()
    ended.wait()
    assert seen[-1] == {"type": "http.disconnect"}
    assert all(message["more_body"] for message in seen[:-1])
    server.barrier()
    assert server.errors == []


def test_a_chunked_body_that_breaks_off_is_a_disconnect(serve: Serve) -> None:
    """The same without a length."""
    called, ended = Latch(), Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        called.set()
        while not seen or seen[-1]["type"] == "http.request":
            seen.append(await receive())
        ended.set()

    client = serve(app).connect()
    client.send(b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nwo")
    called.wait()
    client.close()
    ended.wait()
    assert seen[-1] == {"type": "http.disconnect"}
    assert all(message["more_body"] for message in seen[:-1])


def test_an_app_that_does_not_listen_finds_out_when_it_asks(serve: Serve) -> None:
    """The disconnect came while the app was busy elsewhere."""
    called, go_on, ended = Latch(), Latch(), Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        called.set()
        await go_on.reached()
        seen.append(await receive())
        ended.set()

    server = serve(app)
    client = server.connect()
    client.send(get())
    called.wait()
    client.close()
    server.barrier()
    go_on.set()
    ended.wait()
    assert seen == [{"type": "http.disconnect"}]


def test_a_send_that_waits_for_the_client_is_released(serve: Serve) -> None:
    """The client stops reading, then goes: `await send()` returns, silently, and the app learns from
    `receive`."""
    stuck, ended = Latch(), Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send(start())
        for _ in range(10_000):
            task = asyncio.ensure_future(send(body(b"x" * 100_000, more=True)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            if not task.done():
                stuck.set()
            await task
            if stuck.is_set:
                break
        seen.append(await receive())
        ended.set()

    server = serve(app)
    client = server.connect(receive_buffer=4096)
    client.send(get())
    stuck.wait()
    client.reset()
    ended.wait()
    assert seen == [{"type": "http.disconnect"}]
    server.barrier()
    assert server.errors == []


@pytest.mark.engine_only("uvicorn stops reading while a pipelined request waits")
@pytest.mark.engine_bug("hyper does not look for EOF while the next request is in its buffer")
def test_a_disconnect_behind_a_pipelined_request_is_seen(serve: Serve) -> None:
    """The client sends two requests and goes: the first one's app learns of it."""
    waiting, ended = Latch(), Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["path"] == "/next":
            return
        await receive()
        waiting.set()
        try:
            seen.append(await asyncio.wait_for(receive(), 0.5))
        finally:
            ended.set()

    client = serve(app).connect()
    client.send(get() + get(b"/next"))
    waiting.wait()
    client.reset()
    ended.wait()
    assert seen == [{"type": "http.disconnect"}]


def test_requests_of_other_connections_go_on(serve: Serve) -> None:
    """One client goes, the other one's response is not disturbed."""
    both, go_on, one_gone = Latch(), Latch(), Latch()
    running: list[str] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        running.append(scope["path"])
        if len(running) == 2:
            both.set()
        if scope["path"] == "/leaves":
            await receive()
            one_gone.set()
            return
        await go_on.reached()
        await reply(send, b"stayed")

    server = serve(app)
    leaves, stays = server.connect(), server.connect()
    leaves.send(get(b"/leaves"))
    stays.send(get(b"/stays"))
    both.wait()
    leaves.close()
    one_gone.wait()
    go_on.set()
    assert stays.read_response().body == b"stayed"
    assert server.errors == []


@pytest.mark.parametrize("framing", [[], [(b"content-length", b"2")]], ids=["chunked", "length"])
def test_a_disconnect_after_all_announced_bytes_but_before_the_last_message(
    serve: Serve, framing: list[tuple[bytes, bytes]]
) -> None:
    """The client has everything that `content-length` promised and goes; the app has not said that it is
    done."""
    waiting, ended = Latch(), Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await read_body(receive)
        await send(start(headers=framing))
        await send(body(b"ok", more=True))
        waiting.set()
        seen.append(await receive())
        ended.set()

    server = serve(app)
    client = server.connect()
    client.send(get())
    client.read_head()
    waiting.wait()
    client.close()
    ended.wait()
    assert seen == [{"type": "http.disconnect"}]
    assert server.errors == []


def test_an_app_that_never_ends_its_complete_response_keeps_its_place(serve: Serve) -> None:
    """All announced bytes are out, the last message is missing: the next request waits for it, as with
    uvicorn."""
    waiting, go_on = Latch(), Latch()
    order: list[str] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        order.append(scope["path"])
        await send(start(headers=[(b"content-length", b"2")]))
        await send(body(b"ok", more=True))
        if scope["path"] == "/1":
            waiting.set()
            await go_on.reached()
            order.append("end of /1")
        await send(body())

    server = serve(app)
    client = server.connect()
    client.send(get(b"/1"))
    waiting.wait()
    assert client.read_response().body == b"ok"
    client.send(get(b"/2"))
    server.barrier()
    if serve.kind == "uvicorn":
        assert order == ["/1"]
    go_on.set()
    assert client.read_response().body == b"ok"
    server.barrier()
    assert sorted(order) == ["/1", "/2", "end of /1"]
    assert server.errors == []
