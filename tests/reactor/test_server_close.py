"""The end of a loop with requests running and connections open; wrong threads; reentrance."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import turboapi.loop
from turboapi._engine import HttpServer
from turboapi.loop import new_event_loop

from .harness import (
    DEADLINE,
    Receive,
    Scope,
    Send,
    ServerThread,
    connected,
    fetch,
    get,
    listening_socket,
    respond,
    serving,
    until,
)
from .processes import run


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, b"hello")


class Hanging:
    """An app whose requests wait for ever; it remembers how they ended."""

    def __init__(self) -> None:
        self.started = 0
        self.ended: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.started += 1
        try:
            await asyncio.Event().wait()
        except BaseException as error:
            self.ended.append(type(error).__name__)
            raise


def listen(loop: asyncio.AbstractEventLoop, app: Any) -> tuple[HttpServer, int]:
    server = HttpServer(loop, app, access_log=False)
    listener = listening_socket()
    port = listener.getsockname()[1]
    server.listen(listener.detach())
    return server, port


@contextlib.contextmanager
def clients(port: int, count: int) -> Any:
    """Connections that have sent a request each."""
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(count):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), DEADLINE))
            client.sendall(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            opened.append(client)
        yield opened


def test_the_end_of_a_runner_cancels_running_requests() -> None:
    app = Hanging()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        _, port = listen(loop, app)
        opened.extend(stack.enter_context(clients(port, 5)))
        await until(lambda: app.started == 5)

    opened: list[socket.socket] = []
    with contextlib.ExitStack() as stack:
        turboapi.loop.run(main())
        # The loop is closed, and so is every connection: 500 or nothing, then the end.
        for client in opened:
            answer = client.recv(1000)
            assert answer == b"" or answer.startswith(b"HTTP/1.1 500 ")
    assert app.ended == ["CancelledError"] * 5


def close_under_running_requests() -> tuple[weakref.ref[Any], weakref.ref[Any]]:
    """Nobody cancels anything: no crash, no hang, clients see the end of their connection."""
    app = Hanging()
    loop = new_event_loop()
    server, port = listen(loop, app)
    with clients(port, 5) as opened:
        loop.run_until_complete(until(lambda: app.started == 5))
        assert server.requests_in_flight == 5
        loop.close()
        for client in opened:
            assert client.recv(1) == b""
    with pytest.raises(RuntimeError, match="closed"):
        server.listen(listening_socket().detach())
    with _quiet_destruction():
        del server
        gc.collect()
    return weakref.ref(app), weakref.ref(loop)


def test_what_a_loop_closed_under_running_requests_held_is_freed() -> None:
    references = close_under_running_requests()
    gc.collect()
    assert [reference() for reference in references] == [None, None]


@contextlib.contextmanager
def _quiet_destruction() -> Any:
    """asyncio logs "Task was destroyed but it is pending!" for what is left: that is right here."""
    import logging

    logger = logging.getLogger("asyncio")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)


def test_a_loop_closed_with_idle_and_half_sent_requests_open() -> None:
    loop = new_event_loop()
    server, port = listen(loop, hello)
    with clients(port, 3) as opened, socket.create_connection(("127.0.0.1", port), DEADLINE) as half:
        half.sendall(b"POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 10\r\n\r\n12")
        loop.run_until_complete(until(lambda: server.total_requests == 4 and server.connections == 4))
        loop.close()
        for client in opened:
            data = b""
            while piece := client.recv(1000):
                data += piece
            assert data.endswith(b"hello")


def test_a_request_that_waits_for_its_body_when_the_loop_is_closed() -> None:
    loop = new_event_loop()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        waiting.append(True)
        message = await receive()
        await receive() if message["more_body"] else None

    waiting: list[bool] = []
    server, port = listen(loop, app)
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as half:
        half.sendall(b"POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 10\r\n\r\n12")
        loop.run_until_complete(until(lambda: bool(waiting)))
        with _quiet_destruction():
            loop.close()
            del server
            gc.collect()
        assert half.recv(1) == b""


def test_a_sender_that_waits_for_its_client_when_the_loop_is_closed() -> None:
    loop = new_event_loop()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            sent.append(1)
            await send({"type": "http.response.body", "body": bytes(1 << 20), "more_body": True})

    async def main() -> None:
        count = -1
        while count != len(sent) or not sent:
            count = len(sent)
            await asyncio.sleep(0.02)

    sent: list[int] = []
    server, port = listen(loop, app)
    with clients(port, 1):
        loop.run_until_complete(main())
        with _quiet_destruction():
            loop.close()
            del server
            gc.collect()


def test_a_program_that_exits_while_it_serves() -> None:
    """Requests running, connections open, loop never closed: the interpreter ends without a word."""
    code, out, err = run("""
        import asyncio, os, socket, warnings
        from turboapi._engine import HttpServer
        from turboapi.loop import new_event_loop

        warnings.simplefilter("ignore", ResourceWarning)
        started = []

        async def app(scope, receive, send):
            started.append(scope["path"])
            await receive()
            await receive()

        async def main():
            while len(started) < 3:
                await asyncio.sleep(0.001)

        loop = new_event_loop()
        server = HttpServer(loop, app)
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        server.listen(listener.detach())
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        for client in clients:
            client.sendall(b"GET / HTTP/1.1\\r\\nhost: t\\r\\n\\r\\n")
        loop.run_until_complete(main())
        print("end", flush=True)
    """)
    assert (code, out) == (0, "end\n"), err
    assert "panicked" not in err
    assert "Fatal" not in err


def test_a_daemon_thread_that_serves_when_the_program_exits() -> None:
    """The engine must not touch the interpreter after its end (pyo3#6084)."""
    code, out, err = run("""
        import asyncio, http.client, socket, threading
        from turboapi._engine import HttpServer
        from turboapi.loop import run

        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})

        async def main():
            server = HttpServer(asyncio.get_running_loop(), app)
            listener = socket.create_server(("127.0.0.1", 0))
            address.append(listener.getsockname())
            server.listen(listener.detach())
            ready.set()
            await asyncio.Event().wait()

        def ask():
            while True:
                connection.request("GET", "/")
                connection.getresponse().read()
                asked.set()

        address, ready, asked = [], threading.Event(), threading.Event()
        threading.Thread(target=lambda: run(main()), daemon=True).start()
        ready.wait()
        connection = http.client.HTTPConnection(*address[0])
        threading.Thread(target=ask, daemon=True).start()
        asked.wait()
        print("end", flush=True)
    """)
    assert (code, out, err) == (0, "end\n", "")


async def test_a_handler_that_stops_the_loop() -> None:
    """`loop.stop()` of a coroutine that runs inside the selector's wait ends the wait."""

    def serve_until_stopped() -> tuple[bytes, int]:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await respond(send, b"stopping")
            loop.stop()

        loop = new_event_loop()
        server, port = listen(loop, app)
        with clients(port, 1) as [client]:
            loop.run_forever()
            # The answer may still be on its way: the loop goes on where it stopped.
            loop.run_until_complete(until(lambda: server.total_requests == 1))
            server.close()
            loop.run_until_complete(server.closed())
            data = client.recv(1000)
        loop.close()
        return data, server.total_requests

    data, total = await asyncio.to_thread(serve_until_stopped)
    assert data.endswith(b"stopping")
    assert total == 1


async def test_closed_waits_for_background_work_and_connections() -> None:
    release = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send)
        await release.wait()

    async with serving(app) as here, connected(here.port) as connection:
        await connection.request()
        here.server.drain()
        closed = here.server.closed()
        await until(lambda: here.server.connections == 0)
        assert not closed.done()
        release.set()
        await closed


def test_an_http_server_belongs_to_its_loops_thread(
    serve_in_thread: Callable[..., ServerThread],
) -> None:
    server = serve_in_thread(hello)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with pytest.raises(RuntimeError, match="thread"):
            server.server.listen(listener.fileno())
        with pytest.raises(RuntimeError, match="thread"):
            HttpServer(server.loop, hello)
    assert server.get() == b"hello"


async def test_an_http_server_needs_an_engine_loop() -> None:
    stock = asyncio.SelectorEventLoop()
    with pytest.raises(ValueError, match=r"turboapi\.loop"):
        HttpServer(stock, hello)
    stock.close()


async def test_a_loop_inside_a_handler_is_an_error_and_not_a_crash() -> None:
    """A second engine loop on the thread, with asyncio's own check out of the way, as nest_asyncio does."""
    errors: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        running = asyncio.get_running_loop()
        for hide in (False, True):
            inner = new_event_loop()
            coroutine = asyncio.sleep(0)
            if hide:
                asyncio._set_running_loop(None)
            try:
                inner.run_until_complete(coroutine)
            except RuntimeError as error:
                errors.append(str(error))
            finally:
                asyncio._set_running_loop(running)
                coroutine.close()
                with _quiet_destruction():
                    inner.close()
                    gc.collect()
        await respond(send, b"fine")

    async with serving(app) as here:
        assert (await fetch(here.port)).text == "fine"
        assert (await fetch(here.port)).text == "fine"
    refused = [error for error in errors if "this thread already runs a turboapi event loop" in error]
    refused_by_asyncio = [error for error in errors if "while another loop is running" in error]
    # Python 3.11 starts no task eagerly: handlers run outside of the selector's wait there.
    assert len(refused) == (2 if sys.version_info >= (3, 12) else 0)
    assert len(refused_by_asyncio) == 2


def test_after_a_refused_loop_the_engine_still_lets_other_threads_run(
    serve_in_thread: Callable[..., ServerThread],
) -> None:
    """The refusal must not unmark the outer wait: it would keep the interpreter while it waits."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        running = asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        refused = 0
        for _ in range(2):
            coroutine = asyncio.sleep(0)
            try:
                turboapi.loop.run(coroutine)
            except RuntimeError:
                refused += 1
            coroutine.close()
        asyncio._set_running_loop(running)
        await respond(send, str(refused))

    server = serve_in_thread(app)
    expected = b"2" if sys.version_info >= (3, 12) else b"0"
    # On a connection that stays open nothing else happens on the server's thread.
    with contextlib.closing(server.connect()) as connection:
        assert [get(connection) for _ in range(3)] == [expected] * 3


async def test_a_server_made_for_another_loop_inside_a_handler_ends_with_its_own_loop() -> None:
    ports: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        inner = new_event_loop()
        ports.append(listen(inner, hello)[1])
        inner.close()
        await respond(send, b"fine")

    async with serving(app) as here:
        assert (await fetch(here.port)).text == "fine"
        with pytest.raises(ConnectionRefusedError):
            await fetch(ports[0])


async def test_a_stock_loop_in_a_thread_of_a_handler() -> None:
    """`asyncio.run` in a worker thread is what sync code does that needs async."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def inner() -> str:
            await asyncio.sleep(0)
            return "inner"

        await respond(send, await asyncio.to_thread(asyncio.run, inner()))

    async with serving(app) as here:
        assert (await fetch(here.port)).text == "inner"


def test_servers_in_several_threads(serve_in_thread: Callable[..., ServerThread]) -> None:
    servers = [serve_in_thread(hello) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: servers[number % 4].get(), range(200)))
    assert set(answers) == {b"hello"}
    assert sum(server.server.total_requests for server in servers) == 200


def test_a_server_collected_on_another_thread_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        async with serving(hello) as here:
            await fetch(here.port)
            kept.append(here.server)

    kept: list[HttpServer] = []
    turboapi.loop.run(main())

    def collect() -> None:
        kept.clear()
        gc.collect()

    thread = threading.Thread(target=collect)
    thread.start()
    thread.join()
    assert capfd.readouterr() == ("", "")
