"""A loop with nothing to do waits in the kernel: no spinning, with or without a server on it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from .harness import Receive, Scope, Send, connected, respond, serving

QUIET = 0.2


class Counter:
    """Counts how often asyncio asked its selector."""

    turns = 0


@contextlib.contextmanager
def counting_turns(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    """Count the turns of the running loop."""
    selector: Any = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]
    counter = Counter()
    select = selector.select

    def counted(timeout: float | None = None) -> Any:
        counter.turns += 1
        return select(timeout)

    with monkeypatch.context() as patch:
        patch.setattr(selector, "select", counted)
        yield counter


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, b"hello")


async def test_an_idle_loop_takes_no_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    with counting_turns(monkeypatch) as counter:
        await asyncio.sleep(QUIET)
    assert counter.turns <= 5


async def test_an_idle_server_takes_no_turns_and_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(hello) as here, connected(here.port) as connection:
        assert (await connection.request()).status == 200
        with counting_turns(monkeypatch) as counter:
            used = time.thread_time()
            await asyncio.sleep(QUIET)
            used = time.thread_time() - used
    assert counter.turns <= 5
    assert used < QUIET / 4


async def test_a_readable_descriptor_that_nobody_reads_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    left, right = socket.socketpair()
    with left, right:
        right.send(b"never read")
        seen = asyncio.Event()
        loop.add_reader(left, seen.set)
        await seen.wait()
        loop.remove_reader(left)
        with counting_turns(monkeypatch) as counter:
            used = time.thread_time()
            await asyncio.sleep(QUIET)
            used = time.thread_time() - used
    assert counter.turns <= 5
    assert used < QUIET / 4


async def test_a_request_that_never_suspends_takes_few_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are handled inside the wait: the turns of the loop are those of the client beside it."""
    requests = 50
    async with serving(hello) as here, connected(here.port) as connection:
        await connection.request()
        with counting_turns(monkeypatch) as counter:
            for _ in range(requests):
                await connection.request()
    assert counter.turns <= 5 * requests


async def test_a_waiting_request_does_not_keep_the_loop_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        assert (await receive())["type"] == "http.disconnect"

    async with serving(app) as here, connected(here.port) as connection:
        connection.send()
        with counting_turns(monkeypatch) as counter:
            used = time.thread_time()
            await asyncio.sleep(QUIET)
            used = time.thread_time() - used
    assert counter.turns <= 10
    assert used < QUIET / 4
