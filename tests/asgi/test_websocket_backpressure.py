"""Slow peers of a WebSocket (trap 29), and nothing left behind (A2)."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref

import pytest

from .apps import Message, Receive, Send
from .conftest import Serve
from .latch import Latch
from .memory import descriptors, resident
from .websocket import BINARY, TEXT, WebSocket, accept, encode

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

MEBI = 1 << 20
PART = 256 * 1024


def test_trap29_send_waits_for_a_slow_reader(serve: Serve) -> None:
    """granian#885: 64 MB of messages to a client that does not read; then they all arrive."""
    total = 64 * MEBI
    sent = 0
    peak = 0
    stuck = Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        nonlocal sent, peak
        await accept(receive, send)
        while sent < total:
            task = asyncio.ensure_future(send({"type": "websocket.send", "bytes": b"x" * PART}))
            for _ in range(3):
                await asyncio.sleep(0)
            if not task.done():
                stuck.set()
            await task
            sent += PART
            peak = max(peak, resident())

    server = serve(app)
    client = WebSocket(server)
    before = resident()
    stuck.wait()
    server.barrier()
    assert sent < 16 * MEBI
    received = 0
    while received < total:
        frame = client.read()
        assert frame.opcode == BINARY
        received += len(frame.payload)
    assert peak - before < 32 * MEBI


def test_trap29_messages_that_nobody_receives_stay_with_the_client(serve: Serve) -> None:
    """The app does not call `receive`: the server stops reading."""
    go_on = Latch()
    count = 0

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        nonlocal count
        await accept(receive, send)
        await go_on.reached()
        while (await receive())["type"] == "websocket.receive":
            count += 1
            if count == total:
                await send({"type": "websocket.send", "text": "all"})

    total = 256
    server = serve(app)
    client = WebSocket(server)
    frame = encode(BINARY, b"x" * PART)
    before = resident()
    written = client.connection.send_until_stalled(frame, total * len(frame))
    assert written < 32 * MEBI
    assert resident() - before < 32 * MEBI
    go_on.set()
    client.connection.send_rest(frame, written, total * len(frame))
    assert client.read().payload == b"all"


def test_trap29_a_send_that_waits_is_released_when_the_client_goes(serve: Serve) -> None:
    """It ends, with an OSError (spec_version 2.4) or silently, and the next one raises."""
    stuck, ended = Latch(), Latch()
    raised: list[BaseException] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        try:
            for _ in range(1000):
                task = asyncio.ensure_future(send({"type": "websocket.send", "bytes": b"x" * PART}))
                for _ in range(3):
                    await asyncio.sleep(0)
                if not task.done():
                    stuck.set()
                await task
        except OSError as error:
            raised.append(error)
            raise
        finally:
            ended.set()

    server = serve(app)
    client = WebSocket(server)
    stuck.wait()
    client.connection.reset()
    ended.wait()
    server.barrier()
    assert len(raised) == 1
    assert server.errors == []


@pytest.mark.parametrize("how", ["close", "reset", "handshake", "app-closes"])
def test_a02_churn_leaves_nothing(serve: Serve, how: str) -> None:
    """Many short WebSockets: no task, descriptor or scope stays."""
    references: list[weakref.ref[object]] = []

    class Witness:
        pass

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        scope["witness"] = witness = Witness()
        references.append(weakref.ref(witness))
        await accept(receive, send)
        if how == "app-closes":
            await send({"type": "websocket.close"})
        while (await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": "x"})

    server = serve(app)
    before = descriptors()
    for _ in range(50):
        client = WebSocket(server)
        if how == "handshake":
            client.connection.close()
            continue
        if how != "app-closes":
            client.send(TEXT, b"hello")
            client.read()
        if how == "reset":
            client.connection.reset()
            continue
        client.send_close(1000)
        client.read_close()
        assert client.ends
        client.connection.close()

    async def quiet() -> bool:
        return len(asyncio.all_tasks()) == 2

    for _ in range(1000):
        server.barrier()
        if not descriptors() - before and server.on_loop(quiet):
            break
    assert not descriptors() - before
    assert server.on_loop(quiet)
    gc.collect()
    assert len(references) == 50
    assert [reference for reference in references if reference() is not None] == []
    assert server.errors == []
