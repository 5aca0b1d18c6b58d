"""Rust futures awaited from Python: the one primitive that clients in Rust will build on.

`Reactor.sleep` is the smallest of them: a tokio timer.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
from typing import Any

import anyio
import pytest

from turboapi.loop import new_event_loop

from .harness import Receive, Scope, Send, fetch, respond, serving

LONG = 3600.0

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def native_sleep(seconds: float) -> Any:
    """A tokio timer on the running loop's thread."""
    return asyncio.get_running_loop()._reactor.sleep(seconds)  # type: ignore[attr-defined]


async def test_it_completes_in_time_and_not_before() -> None:
    loop = asyncio.get_running_loop()
    start = loop.time()
    await native_sleep(0.02)
    assert loop.time() - start >= 0.02


async def test_a_thousand_at_once() -> None:
    await asyncio.gather(*(native_sleep(0.001 * (number % 10)) for number in range(1000)))


async def test_it_is_a_coroutine_for_tasks_and_timeouts() -> None:
    task = asyncio.create_task(native_sleep(0.001))
    await asyncio.wait_for(task, 5)
    async with asyncio.timeout(5):
        await native_sleep(0.001)
    async with anyio.create_task_group() as group:
        group.start_soon(native_sleep, 0.001)


async def test_a_timeout_cancels_it() -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(native_sleep(LONG), 0.005)
    with anyio.move_on_after(0.005) as scope:
        await native_sleep(LONG)
    assert scope.cancelled_caught


async def test_a_cancelled_task_drops_it_at_once() -> None:
    task = asyncio.create_task(native_sleep(LONG))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_context_is_that_of_the_awaiting_task() -> None:
    async def one(value: str) -> str:
        variable.set(value)
        await native_sleep(0.001)
        return variable.get()

    assert await asyncio.gather(*(one(str(number)) for number in range(20))) == [str(n) for n in range(20)]
    assert variable.get() == "unset"


async def test_a_result_is_taken_once() -> None:
    sleeping = native_sleep(0.0)
    await sleeping
    with pytest.raises(RuntimeError, match="already awaited"):
        await sleeping


async def test_one_that_nobody_awaits_is_dropped() -> None:
    for _ in range(100):
        native_sleep(LONG)
    gc.collect()
    await native_sleep(0.0)


async def test_handlers_await_them_on_the_servers_thread() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await native_sleep(0.001)
        await asyncio.gather(native_sleep(0.002), asyncio.sleep(0.001))
        await respond(send, b"slept")

    async with serving(app) as here:
        answers = await asyncio.gather(*(fetch(here.port) for _ in range(30)))
    assert {answer.text for answer in answers} == {"slept"}


def test_the_end_of_the_loop_ends_them() -> None:
    """A wait that can never be over is an error, told where somebody can still hear it."""
    loop = new_event_loop()

    async def begin() -> Any:
        sleeping = native_sleep(LONG)
        await asyncio.sleep(0)
        return sleeping

    sleeping = loop.run_until_complete(begin())
    loop.close()
    with pytest.raises(RuntimeError, match="engine closed"):
        sleeping.send(None)


async def test_it_belongs_to_the_loops_thread() -> None:
    reactor = asyncio.get_running_loop()._reactor  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="another thread"):
        await asyncio.to_thread(reactor.sleep, 0.0)
