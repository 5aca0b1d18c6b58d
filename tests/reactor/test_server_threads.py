"""Servers and threads: wrong ones, several, nested loops, collection elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

import turboapi.loop
from turboapi._engine import HttpServer
from turboapi.loop import new_event_loop

from .harness import (
    Receive,
    Scope,
    Send,
    ServerThread,
    fetch,
    get,
    listen,
    quiet_destruction,
    respond,
    serving,
)


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, b"hello")


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
                with quiet_destruction():
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
