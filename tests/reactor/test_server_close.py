"""The end of a loop, or of the program, with requests running and connections open."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

import turboapi.loop
from turboapi.loop import new_event_loop

from .harness import (
    DEADLINE,
    Receive,
    Scope,
    Send,
    connected,
    listen,
    listening_socket,
    quiet_destruction,
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


@contextlib.contextmanager
def clients(port: int, count: int) -> Iterator[list[socket.socket]]:
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
    with quiet_destruction():
        del server
        gc.collect()
    return weakref.ref(app), weakref.ref(loop)


def test_what_a_loop_closed_under_running_requests_held_is_freed() -> None:
    references = close_under_running_requests()
    gc.collect()
    assert [reference() for reference in references] == [None, None]


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
        with quiet_destruction():
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
        with quiet_destruction():
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


def test_a_loop_in_a_daemon_thread_during_a_slow_end_of_the_interpreter() -> None:
    """Timers fire while modules are torn down: the thread must not come back to the interpreter."""
    code, out, err = run("""
        import asyncio, os, sys, threading, time, types
        from turboapi.loop import run

        class SlowEnd:
            def __init__(self):
                self.tools = time.sleep, os.write

            def __del__(self):
                sleep, write = self.tools
                sleep(0.1)
                write(1, b"end")

        async def tick():
            ready.set()
            while True:
                await asyncio.sleep(0.001)

        ready = threading.Event()
        threading.Thread(target=lambda: run(tick()), daemon=True).start()
        ready.wait()
        # Modules are destroyed last, with other threads already locked out.
        sys.modules["last"] = types.ModuleType("last")
        sys.modules["last"].kept = SlowEnd()
    """)
    assert (code, out, err) == (0, "end", "")
