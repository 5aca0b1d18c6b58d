"""Nothing is left behind by clients and apps that misbehave."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections.abc import Iterator

import pytest

from .apps import Message, Receive, Send, body, read_body, reply, start
from .conftest import Serve
from .latch import Latch
from .memory import descriptors
from .servers import Server
from .wire import get, post, post_head

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

ROUNDS = 100


class Witness:
    """Lives as long as the request that has it in its scope and its frame."""


class Witnesses:
    """All witnesses that were made, held weakly."""

    def __init__(self) -> None:
        self.references: list[weakref.ref[Witness]] = []

    def new(self) -> Witness:
        """One more."""
        witness = Witness()
        self.references.append(weakref.ref(witness))
        return witness

    @property
    def alive(self) -> int:
        """How many are still there."""
        return sum(reference() is not None for reference in self.references)


@pytest.fixture
def witnesses() -> Iterator[Witnesses]:
    """Collects before and after, so that only the test's own garbage counts."""
    gc.collect()
    yield Witnesses()
    gc.collect()


def settle(server: Server, connections_before: set[str]) -> None:
    """Wait until the server has no connection and no request left; fail if a descriptor stays."""

    async def quiet() -> bool:
        return len(asyncio.all_tasks()) == 2

    for _ in range(1000):
        server.barrier()
        if not descriptors() - connections_before and server.on_loop(quiet):
            break
    assert not descriptors() - connections_before
    assert server.on_loop(quiet)


def test_a02_bare_probes_leave_nothing(serve: Serve) -> None:
    """uvicorn#1226: TCP health checks that connect and go leaked a protocol object each."""
    calls: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        calls.append(scope)

    server = serve(app)
    before = descriptors()
    for number in range(ROUNDS):
        client = server.connect()
        if number % 3 == 1:
            client.send(b"GET / HT")
        (client.close if number % 2 else client.reset)()
    settle(server, before)
    assert calls == []
    assert server.errors == []


@pytest.mark.parametrize("when", ["at-once", "in-receive", "in-stream", "kept-alive"])
def test_a02_resets_leave_nothing(serve: Serve, witnesses: Witnesses, when: str) -> None:
    """codex-lb#2041: after an RST the keep-alive timer held the whole graph of a request (in uvicorn it still
    does)."""
    if when == "kept-alive" and serve.kind == "uvicorn":
        pytest.skip("its timer is only cancelled after an orderly close")
    called = Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        scope["witness"] = witness = witnesses.new()
        # The client may be gone before the first step.
        if (await receive())["type"] == "http.disconnect":
            return
        if when == "kept-alive":
            await reply(send)
            return
        if when == "in-stream":
            await send(start())
            await send(body(b"x" * 1000, more=True))
        called.set()
        while (await receive())["type"] != "http.disconnect":
            pass
        del witness

    server = serve(app)
    before = descriptors()
    for _ in range(ROUNDS):
        client = server.connect()
        client.send(get())
        if when == "kept-alive":
            client.read_response()
        elif when != "at-once":
            server.barrier()
        client.reset()
    settle(server, before)
    assert server.errors == []
    gc.collect()
    assert witnesses.alive == 0


@pytest.mark.parametrize("when", ["before", "after-start", "after-end"])
def test_a02_exceptions_leave_nothing(serve: Serve, witnesses: Witnesses, when: str) -> None:
    """A traceback holds every frame; nobody may hold the traceback once it is logged."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        scope["witness"] = witness = witnesses.new()
        if when == "after-start":
            await send(start())
        if when == "after-end":
            await reply(send)
        raise ValueError(witness)

    server = serve(app)
    before = descriptors()
    for _ in range(ROUNDS):
        client = server.connect()
        client.send(get())
        client.read_response()
        client.close()
    settle(server, before)
    assert len(server.errors) == ROUNDS
    server.forget_errors()
    gc.collect()
    assert witnesses.alive == 0


def test_a02_large_bodies_leave_nothing(serve: Serve, witnesses: Witnesses) -> None:
    """4 MB each, half of them never read, some broken off."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        scope["witness"] = witnesses.new()
        if scope["path"] == "/read":
            await read_body(receive)
        await reply(send, headers=[(b"connection", b"close")])

    server = serve(app)
    before = descriptors()
    data = b"x" * (4 << 20)
    for number in range(12):
        client = server.connect()
        if number % 3 == 0:
            client.send(post(data, b"/read"))
        elif number % 3 == 1:
            client.send(post_head(len(data), b"/unread") + data[:100_000])
        else:
            client.send(post_head(len(data), b"/unread") + data[:100_000])
            client.reset()
            continue
        client.read_response()
        client.close()
    settle(server, before)
    gc.collect()
    assert witnesses.alive == 0


@pytest.mark.engine_only("uvicorn's protocol, cycle and scope refer to each other")
@pytest.mark.skipif(
    not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="counts are deferred without a GIL"
)
@pytest.mark.parametrize("suspend", [False, True], ids=["inline", "suspended"])
def test_a13_an_ordinary_request_is_freed_without_the_collector(
    serve: Serve, witnesses: Witnesses, suspend: bool
) -> None:
    """No reference cycle in the bridge: the collector has nothing to do, so there are no pauses
    (sglang#9241)."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        scope["witness"] = witnesses.new()
        await read_body(receive)
        if suspend:
            await asyncio.sleep(0)
        await reply(send)

    server = serve(app)
    gc.disable()
    try:
        client = server.connect()
        for number in range(ROUNDS):
            client.send(post(b"%d" % number))
            client.read_response()
        client.close()
        server.barrier()
        assert witnesses.alive == 0
    finally:
        gc.enable()


def test_a02_abandoned_waiters_leave_nothing(serve: Serve, witnesses: Witnesses) -> None:
    """Tasks that wait in `receive()` and are cancelled again and again, as disconnect checks do."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        scope["witness"] = witnesses.new()
        await read_body(receive)
        for _ in range(50):
            task = asyncio.ensure_future(receive())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        await reply(send)

    server = serve(app)
    before = descriptors()
    client = server.connect()
    for _ in range(20):
        client.send(get())
        assert client.read_response().status == 200
    client.close()
    settle(server, before)
    gc.collect()
    assert witnesses.alive == 0
