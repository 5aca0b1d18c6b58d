"""The task and the loop that a request runs in (traps 57, 64 and 66)."""

from __future__ import annotations

import asyncio
import contextvars
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Coroutine
from typing import Any

import anyio
import anyio.to_thread
import pytest

from .apps import Message, Receive, Send, read_body, reply
from .conftest import Serve
from .wire import get, post


def test_trap64_the_request_runs_in_a_real_task(serve: Serve) -> None:
    """granian#472, #476, #482, #500: a task of one's own lost contexts, timeouts and memory."""
    seen: list[Any] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None
        seen.extend([type(task), task.get_loop() is asyncio.get_running_loop(), task in asyncio.all_tasks()])
        await asyncio.sleep(0)
        seen.append(asyncio.current_task() is task)
        assert task.get_stack()
        await reply(send)

    assert serve(app).get().status == 200
    assert seen == [asyncio.Task, True, True, True]


def test_trap57_requests_run_on_the_servers_loop_and_thread(serve: Serve) -> None:
    """redis-py#3351, psycopg#737: pools belong to the loop on which start-up code made them."""
    seen: list[Any] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        seen.append((asyncio.get_running_loop(), threading.get_ident()))
        await read_body(receive)
        await asyncio.sleep(0)
        seen.append((asyncio.get_running_loop(), threading.get_ident()))
        await reply(send)

    server = serve(app)
    server.get()
    server.ask(post(b"x"))

    async def home() -> tuple[asyncio.AbstractEventLoop, int]:
        return asyncio.get_running_loop(), threading.get_ident()

    assert set(seen) == {server.on_loop(home)}


def test_trap64_time_outs_and_task_groups_work_inside(serve: Serve) -> None:
    """asyncio's and anyio's, which both need the current task."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await read_body(receive)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await receive()
        with anyio.move_on_after(0.001) as cancel_scope:
            await receive()
        assert cancel_scope.cancelled_caught
        results: list[int] = []
        async with anyio.create_task_group() as group:
            for number in range(3):
                group.start_soon(anyio.to_thread.run_sync, results.append, number)
        async with asyncio.TaskGroup() as tasks:
            child = tasks.create_task(asyncio.sleep(0, "child"))
        assert (sorted(results), child.result()) == ([0, 1, 2], "child")
        await reply(send)

    server = serve(app)
    client = server.connect()
    for _ in range(2):
        client.send(get())
        assert client.read_response().status == 200
    assert server.errors == []


def test_trap64_cancelling_the_request_task(serve: Serve) -> None:
    """From within: CancelledError ends the app like any exception of it, 500 once."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await receive()
        await receive()

    server = serve(app)
    response = server.get()
    assert response.status == 500
    assert server.error_texts == ["Exception in ASGI application\n"]


@pytest.mark.engine_only("uvicorn's tasks are made by the protocol, in whatever context its callback has")
def test_a28_each_request_starts_from_the_context_of_start_up(serve: Serve) -> None:
    """uvicorn#2742: requests see what was set before serving began, and get a copy each."""
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable", default=0)
    seen: list[int] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        seen.append(variable.get())
        variable.set(variable.get() + 1)
        child = asyncio.ensure_future(_read(variable))
        seen.append(await child)
        await reply(send)

    async def _read(variable: contextvars.ContextVar[int]) -> int:
        return variable.get()

    server = serve(app)
    server.get()
    server.get()
    assert seen == [0, 1, 0, 1]


@pytest.mark.parametrize("factory", ["plain", "eager"])
@pytest.mark.engine_only("the fixture makes the loop")
def test_trap64_a_task_factory_of_the_user_is_used(serve: Serve, factory: str) -> None:
    """Set on the loop before serving, as `asyncio.eager_task_factory` is (fastapi#12079: without a crash)."""
    if factory == "eager" and sys.version_info < (3, 12):
        pytest.skip("eager tasks came with Python 3.12")
    made: list[Coroutine[Any, Any, Any]] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send, await read_body(receive))

    server = serve(app)

    def plain(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        made.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **options)

    async def install() -> None:
        loop = asyncio.get_running_loop()
        if factory == "plain":
            loop.set_task_factory(plain)
        else:
            loop.set_task_factory(vars(asyncio)["eager_task_factory"])
        second = socket.create_server(("127.0.0.1", 0))
        server.address = second.getsockname()
        server.http.listen(second.detach())

    server.on_loop(install)
    assert server.ask(post(b"x" * 100_000)).body == b"x" * 100_000
    assert server.errors == []
    assert bool(made) == (factory == "plain")


SCRIPT = """
    import asyncio, os, socket, sys
    from turboapi import loop
    from turboapi._engine import HttpServer

    async def app(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"part", "more_body": True})
        await receive()

    async def main():
        listener = socket.create_server(("127.0.0.1", 0))
        http = HttpServer(asyncio.get_running_loop(), app)
        http.listen(os.dup(listener.fileno()))
        client = socket.create_connection(listener.getsockname())
        client.sendall(b"GET / HTTP/1.1\\r\\nHost: test\\r\\n\\r\\n")
        while not http.requests_in_flight:
            await asyncio.sleep(0)
        globals().update(client=client, http=http, listener=listener)
        END

    loop.run(main())
    print("end")
"""


@pytest.mark.engine_only("about the engine's own runtime")
@pytest.mark.parametrize(
    ("end", "code"), [("return", 0), ("sys.exit(7)", 7), ("raise ValueError", 1), ("os._exit(5)", 5)]
)
def test_trap66_the_interpreter_ends_with_requests_in_flight(kind: str, end: str, code: int) -> None:
    """pyo3#6084, monarch#750: native threads that attach during finalisation abort; here is nothing to
    join."""
    script = textwrap.dedent(SCRIPT).replace("END", end)
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", script], capture_output=True, text=True, timeout=30
    )
    assert done.returncode == code, done.stderr
    assert ("end" in done.stdout) == (code == 0)
    assert "Fatal" not in done.stderr
    assert "panicked" not in done.stderr
