"""Stopping an `HttpServer` in its phases: drain, disconnect, close, closed."""

from __future__ import annotations

import asyncio
import socket

import pytest

from .apps import Message, Receive, Send, body, ok, read_body, reply, start
from .conftest import Serve
from .latch import Latch
from .servers import Engine
from .wire import Connection, get, post, post_head

pytestmark = pytest.mark.engine_only("the phases are methods of HttpServer")


def drain(server: Engine) -> None:
    """Begin to stop, and return when the listener is closed."""

    async def begin() -> None:
        server.http.drain()

    server.on_loop(begin)
    server.barrier()


def closed(server: Engine) -> None:
    """Wait for `closed()`."""

    async def wait() -> None:
        await server.http.closed()

    server.on_loop(wait)


def counters(server: Engine) -> tuple[int, int]:
    """Open connections and requests in flight."""

    async def read() -> tuple[int, int]:
        return server.http.connections, server.http.requests_in_flight

    return server.on_loop(read)


def test_a05_idle_connections_close_and_closed_completes(serve: Serve) -> None:
    """One that has served a request, one that has never sent a byte."""
    server = serve(ok)
    used, fresh = server.connect(), server.connect()
    used.send(get())
    assert used.read_response().status == 200
    drain(server)
    assert used.is_closed_by_peer
    assert fresh.is_closed_by_peer
    closed(server)
    assert counters(server) == (0, 0)


def test_nobody_is_accepted_any_more(serve: Serve) -> None:
    """The listener is closed at once, while a request is still running."""
    running, go_on = Latch(), Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        running.set()
        await go_on.reached()
        await reply(send)

    server = serve(app)
    client = server.connect()
    client.send(get())
    running.wait()
    drain(server)
    with pytest.raises(ConnectionRefusedError):
        server.connect()
    go_on.set()
    assert client.read_response().body == b"ok"
    closed(server)


def test_a_busy_connection_finishes_and_says_close(serve: Serve) -> None:
    """The response that starts after `drain()` announces the end; the pipelined request behind it is not
    run."""
    running, go_on = Latch(), Latch()
    paths: list[str] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        paths.append(scope["path"])
        await read_body(receive)
        running.set()
        await go_on.reached()
        await reply(send, b"finished")

    server = serve(app)
    client = server.connect()
    client.send(post(b"x", b"/1") + get(b"/2"))
    running.wait()
    drain(server)
    assert counters(server) == (1, 1)
    go_on.set()
    response = client.read_response()
    assert (response.body, response.values(b"connection")) == (b"finished", [b"close"])
    assert client.read_to_end() == b""
    client.close()
    closed(server)
    assert paths == ["/1"]


def test_a_stream_in_progress_is_not_cut(serve: Serve) -> None:
    """`drain()` waits for the last chunk; uvicorn#2829 was reverted because it cut this window short."""
    running, go_on = Latch(), Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await read_body(receive)
        await send(start())
        await send(body(b"a", more=True))
        listening = asyncio.ensure_future(receive())
        running.set()
        await go_on.reached()
        seen.extend([listening.result()] if listening.done() else [])
        await send(body(b"b"))
        await listening

    server = serve(app)
    client = server.connect()
    client.send(get())
    running.wait()
    drain(server)
    go_on.set()
    response = client.read_response()
    assert (response.body, response.complete) == (b"ab", True)
    assert seen == []
    closed(server)


def test_an_upload_in_progress_is_not_cut(serve: Serve) -> None:
    """The rest of the body is still read."""
    running = Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        running.set()
        await reply(send, await read_body(receive))

    server = serve(app)
    client = server.connect()
    client.send(post_head(4) + b"bo")
    running.wait()
    drain(server)
    client.send(b"dy")
    assert client.read_response().body == b"body"
    # The server listens on for a moment, as the client may be sending (RFC 9112 section 9.6).
    client.close()
    closed(server)


def test_an_unread_body_does_not_hold_up_the_drain(serve: Serve) -> None:
    """The response is out, the client stalls in the middle of its upload: the exchange is over for the
    server."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send, b"too large", 413)

    server = serve(app)
    client = server.connect()
    client.send(post_head(1 << 30) + b"x" * 100_000)
    assert client.read_response().status == 413
    server.barrier()
    drain(server)
    closed(server)
    assert client.read_to_end() == b""


def test_nothing_that_was_connected_is_lost(serve: Serve) -> None:
    """Requests of connections that wait in the backlog, not accepted yet when `drain()` is called, are
    answered."""
    server = serve(ok)

    async def connect_then_drain() -> list[Connection]:
        # On the loop's own thread, so that the engine cannot accept in between.
        connections = []
        for number in range(20):
            connection = server.connect()
            connection.send(get(b"/%d" % number))
            connections.append(connection)
        server.http.drain()
        return connections

    for connection in server.on_loop(connect_then_drain):
        response = connection.read_response()
        assert (response.status, response.values(b"connection")) == (200, [b"close"])
        assert connection.is_closed_by_peer
    closed(server)


def test_a_request_on_an_idle_connection_that_crosses_the_drain_is_answered(serve: Serve) -> None:
    """Its bytes had arrived before `drain()`: closing without an answer would be a 502 at the proxy."""
    server = serve(ok)
    client = server.connect()
    client.send(get())
    assert client.read_response().status == 200

    async def send_then_drain() -> None:
        client.send(get())
        server.http.drain()

    server.on_loop(send_then_drain)
    response = client.read_response()
    assert (response.status, response.values(b"connection")) == (200, [b"close"])
    assert client.is_closed_by_peer
    closed(server)


def test_closed_waits_for_work_after_the_last_byte(serve: Serve) -> None:
    """The connection is gone, the app still runs: background tasks are part of the drain (A21)."""
    go_on = Latch()
    ended: list[bool] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send)
        await go_on.reached()
        ended.append(True)

    server = serve(app)
    client = server.connect()
    client.send(get())
    client.read_response()
    drain(server)
    assert client.is_closed_by_peer

    async def still_open() -> bool:
        future = server.http.closed()
        await asyncio.sleep(0)
        return not future.done()

    assert server.on_loop(still_open)
    go_on.set()
    closed(server)
    assert ended == [True]


def test_a04_disconnect_tells_running_requests(serve: Serve) -> None:
    """After the grace period long streams get `http.disconnect`; what they send then goes nowhere,
    silently."""
    running, ended = Latch(), Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await read_body(receive)
        await send(start())
        await send(body(b"a", more=True))
        running.set()
        seen.append(await receive())
        await send(body(b"b"))
        ended.set()

    server = serve(app)
    client = server.connect()
    client.send(get())
    running.wait()
    drain(server)

    async def disconnect() -> None:
        server.http.disconnect()

    server.on_loop(disconnect)
    ended.wait()
    closed(server)
    assert seen == [{"type": "http.disconnect"}]
    assert not client.read_response().complete
    assert server.errors == []


def test_disconnect_before_the_response_has_started(serve: Serve) -> None:
    """The app gives up without a response: its connection is closed, nothing waits for it."""
    running = Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await read_body(receive)
        running.set()
        await receive()

    server = serve(app)
    client = server.connect()
    client.send(get())
    running.wait()
    drain(server)

    async def disconnect() -> None:
        server.http.disconnect()

    server.on_loop(disconnect)
    client.read_to_end()
    closed(server)
    assert counters(server) == (0, 0)


def test_close_drops_every_connection(serve: Serve) -> None:
    """Idle, busy, streaming and half a head: all clients see the end; what runs is cancelled, as uvicorn
    does."""
    running = [Latch(), Latch()]
    seen: list[BaseException] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await read_body(receive)
        if scope["path"] == "/stream":
            await send(start())
            await send(body(b"a", more=True))
        running[scope["path"] == "/stream"].set()
        try:
            await receive()
        except asyncio.CancelledError as error:
            seen.append(error)
            raise

    server = serve(app)
    clients = [server.connect() for _ in range(4)]
    clients[1].send(get(b"/busy"))
    clients[2].send(get(b"/stream"))
    clients[3].send(b"GET / HTTP/1.1\r\nHo")
    for latch in running:
        latch.wait()
    server.barrier()

    async def close() -> None:
        server.http.close()

    server.on_loop(close)
    for client in clients:
        assert b"0\r\n\r\n" not in client.read_to_end()
    closed(server)
    assert [str(error) for error in seen] == ["Task cancelled, timeout graceful shutdown exceeded"] * 2
    assert counters(server) == (0, 0)
    assert server.error_texts == ["Exception in ASGI application\n"] * 2


def test_an_app_that_ignores_its_cancellation_is_still_waited_for(serve: Serve) -> None:
    """`closed()` says the truth: it completes when the task has ended, not before."""
    running, go_on = Latch(), Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        running.set()
        try:
            await receive()
            await receive()
        except asyncio.CancelledError:
            await go_on.reached()

    server = serve(app)
    client = server.connect()
    client.send(get())
    running.wait()

    async def close() -> bool:
        server.http.close()
        future = server.http.closed()
        for _ in range(10):
            await asyncio.sleep(0)
        return bool(future.done())

    assert server.on_loop(close) is False
    client.read_to_end()
    go_on.set()
    closed(server)


def test_closed_may_be_asked_by_many_and_again(serve: Serve) -> None:
    """Every future of it completes, also one that is made afterwards; a cancelled one does no harm."""
    server = serve(ok)

    async def stop() -> None:
        futures = [server.http.closed() for _ in range(3)]
        futures[1].cancel()
        server.http.drain()
        server.http.drain()
        await futures[0]
        await futures[2]
        await server.http.closed()
        server.http.close()
        server.http.disconnect()

    server.on_loop(stop)


def test_several_listeners_of_one_server(serve: Serve) -> None:
    """`listen()` once more: both serve, both are drained."""
    server = serve(ok)
    second = socket.create_server(("127.0.0.1", 0))
    address = second.getsockname()

    async def listen() -> None:
        server.http.listen(second.detach())

    server.on_loop(listen)
    client = Connection(socket.create_connection(address))
    client.send(get())
    assert client.read_response().body == b"ok"
    assert server.get().body == b"ok"
    drain(server)
    assert client.is_closed_by_peer
    client.close()
    closed(server)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


def test_limit_concurrency_answers_503(serve: Serve) -> None:
    """As uvicorn's `service_unavailable`, and it does not call the app."""
    running, go_on = Latch(), Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        running.set()
        await go_on.reached()
        await reply(send)

    server = serve(app, limit_concurrency=2)
    busy = server.connect()
    busy.send(get())
    running.wait()
    response = server.get()
    assert (response.status, response.body) == (503, b"Service Unavailable")
    assert response.values(b"connection") == [b"close"]
    assert server.error_texts == ["Exceeded concurrency limit."]
    go_on.set()
    assert busy.read_response().status == 200


def test_limit_connections_leaves_the_others_in_the_queue(serve: Serve) -> None:
    """They are served when there is room."""
    server = serve(ok, limit_connections=1)
    first, second = server.connect(), server.connect()
    second.send(get())
    first.send(get())
    assert first.read_response().status == 200
    server.barrier()
    assert not second.has_unread()
    first.close()
    assert second.read_response().status == 200
