"""Nothing grows with the number of requests."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import tracemalloc
import weakref
from collections import Counter

import pytest

from .harness import Connection, Receive, Scope, Send, fetch, read_body, respond, serving, until

REQUESTS = 20_000
CONNECTIONS = 20
PIPELINED = 50


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/wait":
        await asyncio.sleep(0)
    await respond(send, b"hello")


async def ask(connection: Connection, count: int) -> None:
    for _ in range(count // PIPELINED):
        connection.writer.write(b"GET / HTTP/1.1\r\nhost: t\r\n\r\n" * (PIPELINED - 10))
        connection.writer.write(b"GET /wait HTTP/1.1\r\nhost: t\r\n\r\n" * 10)
        for _ in range(PIPELINED):
            assert (await connection.response()).status == 200


def objects() -> Counter[str]:
    gc.collect()
    return Counter(type(each).__name__ for each in gc.get_objects())


async def test_twenty_thousand_requests_leave_no_objects_and_no_memory() -> None:
    async with serving(hello) as here:
        connections = [await Connection.open(here.port) for _ in range(CONNECTIONS)]
        await asyncio.gather(*(ask(each, 100) for each in connections))
        before = objects()
        tracemalloc.start()
        gc.collect()
        bytes_before = tracemalloc.get_traced_memory()[0]
        await asyncio.gather(*(ask(each, REQUESTS // CONNECTIONS) for each in connections))
        gc.collect()
        bytes_after = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        grown = objects() - before
        assert here.server.total_requests >= REQUESTS
        for each in connections:
            await each.close()
    # One leaked object a request would be thousands.
    assert {name: count for name, count in grown.items() if count > 100} == {}
    assert bytes_after - bytes_before < 200_000


async def test_what_a_request_held_is_freed_at_its_end(caplog: pytest.LogCaptureFixture) -> None:
    class Held:
        pass

    # pytest would keep the log records and with them the frames of their tracebacks.
    caplog.set_level(logging.CRITICAL, "uvicorn.error")
    seen: list[weakref.ref[Held]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        held = Held()
        seen.append(weakref.ref(held))
        scope["held"] = held
        body = await read_body(receive)
        if scope["path"] == "/error":
            raise ValueError("with a traceback")
        if scope["path"] == "/timeout":
            async with asyncio.timeout(3600):
                await asyncio.sleep(0)
        await respond(send, body)

    async with serving(app) as here:
        for path in ("/", "/error", "/timeout") * 10:
            await fetch(here.port, path, b"body")
        gc.collect()
        # The timer of the last timeouts may stay in asyncio's heap until it is due; it holds no frame.
        assert [ref() for ref in seen if ref() is not None] == []


async def test_clients_that_go_away_leave_nothing_behind() -> None:
    class Held:
        pass

    seen: list[weakref.ref[Held]] = []
    ends: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        held = Held()
        seen.append(weakref.ref(held))
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                ends.append("gone")
                return

    async with serving(app) as here:
        for number in range(50):
            connection = await Connection.open(here.port)
            connection.send(body=b"x" * 1000)
            await until(functools.partial(lambda count: len(seen) == count, number + 1))
            connection.writer.transport.abort()
        await until(lambda: not here.server.requests_in_flight and not here.server.connections)
        gc.collect()
        assert ends == ["gone"] * 50
        assert [ref() for ref in seen if ref() is not None] == []


async def test_a_server_and_its_app_are_freed_after_close() -> None:
    class App:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await respond(send)

    app = App()
    seen = weakref.ref(app)
    async with serving(app) as here:
        await fetch(here.port)
    del app, here
    await asyncio.sleep(0)
    gc.collect()
    assert seen() is None
