"""Slow peers in both directions: memory stays bounded (trap 29)."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest

from .apps import Message, Receive, Send, body, reply, start
from .conftest import Serve
from .latch import Latch
from .memory import resident
from .wire import get, post_head

MEBI = 1 << 20
TOTAL = 200 * MEBI
PART = 256 * 1024

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.mark.parametrize(("framing", "total"), [("chunked", TOTAL), ("length", TOTAL // 4)])
def test_trap29_a_stream_to_a_slow_reader_is_not_buffered(serve: Serve, framing: str, total: int) -> None:
    """granian#885, #887, #898: `await send()` waits until there is room; 200 MB pass through a few
    megabytes."""
    headers = [(b"content-length", str(total).encode())] if framing == "length" else []
    sent = 0
    stuck = Latch()
    peak = 0

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        nonlocal sent, peak
        part = b"x" * PART
        await send(start(headers=headers))
        while sent < total:
            task = asyncio.ensure_future(send(body(part, more=True)))
            for _ in range(3):
                await asyncio.sleep(0)
            if not task.done():
                stuck.set()
            await task
            sent += PART
            peak = max(peak, resident())
        await send(body())

    server = serve(app)
    client = server.connect(receive_buffer=256 * 1024)
    before = resident()
    client.send(get())
    stuck.wait()
    server.barrier()
    assert sent < 16 * MEBI, "what two kernel buffers and one part take, and no more"
    scratch = bytearray(MEBI)
    received = 0
    while received < total:
        count = client.socket.recv_into(scratch)
        assert count
        received += count
    assert peak - before < 32 * MEBI


def test_trap29_a_sender_goes_on_when_the_client_has_read(serve: Serve) -> None:
    """The stop is not for ever, and every byte arrives in order."""
    stuck = Latch()
    parts = 64

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(start())
        for number in range(parts):
            task = asyncio.ensure_future(send(body(bytes([number]) * PART, more=True)))
            for _ in range(3):
                await asyncio.sleep(0)
            if not task.done():
                stuck.set()
            await task
        await send(body())

    server = serve(app)
    client = server.connect(receive_buffer=64 * 1024)
    client.send(get())
    stuck.wait()
    response = client.read_response()
    assert response.body == b"".join(bytes([number]) * PART for number in range(parts))


def test_trap29_two_tasks_that_send_both_wait(serve: Serve) -> None:
    """Backpressure is for every sender of a response, not only for the first."""
    stuck = Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(start())

        async def stream() -> None:
            for _ in range(32):
                task = asyncio.ensure_future(send(body(b"x" * PART, more=True)))
                for _ in range(3):
                    await asyncio.sleep(0)
                if not task.done():
                    stuck.set()
                await task

        await asyncio.gather(stream(), stream())
        await send(body())

    server = serve(app)
    client = server.connect(receive_buffer=64 * 1024)
    client.send(get())
    stuck.wait()
    assert len(client.read_response().body) == 64 * PART


def test_trap29_a_body_that_nobody_reads_stays_with_the_client(serve: Serve) -> None:
    """uvicorn#1332, #1354: reading stops at a high-water mark; the app then gets all of it in small
    pieces."""
    called, go_on = Latch(), Latch()
    largest = 0

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        nonlocal largest
        called.set()
        await go_on.reached()
        total, more = 0, True
        while more:
            message = await receive()
            total += len(message["body"])
            largest = max(largest, len(message["body"]))
            more = message["more_body"]
        await reply(send, str(total).encode())

    server = serve(app)
    client = server.connect()
    before = resident()
    client.send(post_head(TOTAL))
    called.wait()
    data = bytes(MEBI)
    written = client.send_until_stalled(data, TOTAL)
    # The kernel's buffers on both sides are the largest part of it.
    assert written < 32 * MEBI
    go_on.set()
    client.send_rest(data, written, TOTAL)
    peak = resident()
    assert client.read_response().body == str(TOTAL).encode()
    assert largest <= MEBI
    assert peak - before < 32 * MEBI


def test_trap29_an_app_that_reads_slowly_slows_the_client_down(serve: Serve) -> None:
    """One message at a time, with the client's progress seen in between."""
    gates = [Latch() for _ in range(4)]
    seen = [Latch() for _ in range(4)]
    totals: list[int] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        total = 0
        for gate, done in zip(gates, seen, strict=True):
            await gate.reached()
            total += len((await receive())["body"])
            totals.append(total)
            done.set()
        more = True
        while more:
            message = await receive()
            total += len(message["body"])
            more = message["more_body"]
        await reply(send, str(total).encode())

    server = serve(app)
    client = server.connect()
    client.send(post_head(32 * MEBI))
    writer = threading.Thread(target=client.send, args=(b"x" * (32 * MEBI),))
    writer.start()
    for gate, done in zip(gates, seen, strict=True):
        gate.set()
        done.wait()
    assert totals[-1] <= 4 * MEBI
    assert client.read_response().body == str(32 * MEBI).encode()
    writer.join()


def test_trap29_upload_and_download_at_once(serve: Serve) -> None:
    """An echo of a large body: neither direction waits for the other one to finish."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(start())
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            await send(body(message["body"], more=True))
        await send(body())

    size = 32 * MEBI
    server = serve(app)
    client = server.connect()
    writer = threading.Thread(target=client.send, args=(post_head(size) + b"x" * size,))
    writer.start()
    response = client.read_response()
    writer.join()
    assert len(response.body) == size
    assert response.complete
