"""Requests that wait for the app beyond `load_shedding`: who counts, and what the others get."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass, field

import pytest

from .apps import Message, Receive, Send, body, reply, start
from .conftest import Serve
from .latch import PATIENCE, Latch
from .websocket import handshake
from .wire import get

pytestmark = pytest.mark.engine_only("uvicorn has no such limit; its limit_concurrency is tested elsewhere")


@dataclass
class Waiting:
    """An app that answers `/wait` when `release` is set, after saying that it was called."""

    release: Latch = field(default_factory=Latch)
    called: Latch = field(default_factory=Latch)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["path"] == "/wait":
            self.called.set()
            await self.release.reached()
        await reply(send)


def limit(number: int) -> tuple[int, list[str], int]:
    """`load_shedding` with one exempt path."""
    return number, ["/health"], 7


def test_the_rest_is_refused_at_once_and_the_connection_stays(serve: Serve) -> None:
    app = Waiting()
    server = serve(app, load_shedding=limit(1))
    first = server.connect()
    first.send(get(b"/wait"))
    app.called.wait()

    other = server.connect()
    other.send(get(b"/"))
    refused = other.read_response()
    assert refused.status == 503
    assert refused.body == b"Service Unavailable"
    assert refused.values(b"retry-after") == [b"7"]
    assert refused.values(b"content-type") == [b"text/plain; charset=utf-8"]
    assert refused.values(b"server") == [b"turboapi"]
    other.send(get(b"/health"))
    assert other.read_response().status == 200
    other.send(get(b"/healthy"))
    assert other.read_response().status == 503
    assert (server.http.requests_waiting, server.http.requests_refused) == (1, 2)

    app.release.set()
    assert first.read_response().status == 200
    other.send(get(b"/"))
    assert other.read_response().status == 200
    assert server.http.requests_waiting == 0
    assert server.error_texts == ["Refusing requests with 503: 1 others wait for the app (limit_in_flight)."]
    assert [line.rsplit(" ", 1)[1] for line in server.access_lines()] == ["503", "200", "503", "200", "200"]


def test_a_request_counts_although_its_client_left(serve: Serve) -> None:
    """Clients that give up and come again would otherwise pile up work that nobody waits for."""
    app = Waiting()
    server = serve(app, load_shedding=limit(1))
    first = server.connect()
    first.send(get(b"/wait"))
    app.called.wait()
    first.reset()
    server.barrier()
    assert server.get().status == 503
    app.release.set()
    server.barrier()
    assert server.get().status == 200


def test_an_answer_that_flows_does_not_count(serve: Serve) -> None:
    release = Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["path"] != "/stream":
            await reply(send)
            return
        await send(start())
        await send(body(b"first", more=True))
        await release.reached()
        await send(body(b"last"))

    server = serve(app, load_shedding=limit(1))
    stream = server.connect()
    stream.send(get(b"/stream"))
    assert stream.read_head().status == 200
    assert server.get().status == 200
    release.set()
    assert [stream.read_chunk() for _ in range(3)] == [b"first", b"last", b""]


def test_an_open_websocket_does_not_count_but_its_handshake_does(serve: Serve) -> None:
    accept, called = Latch(), Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await reply(send)
            return
        await receive()
        called.set()
        await accept.reached()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    server = serve(app, load_shedding=limit(1))
    connection = server.connect()
    connection.send(handshake())
    called.wait()
    assert server.get().status == 503
    other = server.connect()
    other.send(handshake())
    assert other.read_head().status == 503
    accept.set()
    assert connection.read_head().status == 101
    assert server.get().status == 200


@pytest.mark.parametrize("ending", ["raises", "returns"])
def test_an_app_that_fails_gives_its_place_back(serve: Serve, ending: str) -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0)
        if scope["path"] == "/fail" and ending == "raises":
            raise RuntimeError
        if scope["path"] != "/fail":
            await reply(send)

    server = serve(app, load_shedding=limit(1))
    for _ in range(3):
        assert server.get(b"/fail").status == 500
    assert server.get().status == 200
    assert server.http.requests_waiting == 0


CAPACITY, SERVICE_TIME = 8, 0.05


def test_three_times_the_capacity(serve: Serve) -> None:
    """Who is let in keeps its time, and the others learn quickly that they were not."""
    gate = asyncio.Semaphore(CAPACITY)

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        # A pool of connections to a database, say: it serves so many at once, each in so much time.
        async with gate:
            await asyncio.sleep(SERVICE_TIME)
        await reply(send)

    server = serve(app, load_shedding=(CAPACITY, [], 1))
    alone = asyncio.run(_clients(server.address, CAPACITY, 10))
    crowded = asyncio.run(_clients(server.address, 3 * CAPACITY, 30))

    assert {status for status, _ in alone} == {200}
    served = sorted(time for status, time in crowded if status == 200)
    refused = sorted(time for status, time in crowded if status == 503)
    assert len(served) + len(refused) == 3 * CAPACITY * 30
    assert len(served) >= CAPACITY
    assert refused
    unloaded = statistics.median(time for _, time in alone)
    # Generous, for machines that do other things too: without the limit it is three times the time alone.
    assert statistics.median(served) < 2 * unloaded
    assert statistics.median(refused) < unloaded / 2


async def _clients(address: tuple[str, int], number: int, requests: int) -> list[tuple[int, float]]:
    """Status and seconds of each request of `number` clients, each of which sends one after the other."""
    results: list[tuple[int, float]] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection(*address)
        for _ in range(requests):
            begin = time.perf_counter()
            writer.write(get(b"/"))
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
            results.append((int(head[9:12]), time.perf_counter() - begin))
        writer.close()
        await writer.wait_closed()

    async with asyncio.timeout(3 * PATIENCE), asyncio.TaskGroup() as group:
        for _ in range(number):
            group.create_task(client())
    return results
