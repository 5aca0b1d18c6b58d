"""Tasks, cancellation and their helpers; asynchronous generators; debug mode and error reports."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

LONG = 3600.0


async def test_cancellation_reaches_the_innermost_await_and_can_be_refused() -> None:
    seen: list[str] = []

    async def inner() -> None:
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError as error:
            seen.append(str(error))
            raise

    async def stubborn() -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await inner()
        return "stayed"

    task = asyncio.ensure_future(inner())
    await asyncio.sleep(0)
    assert task.cancel("why")
    with pytest.raises(asyncio.CancelledError):
        await task
    other = asyncio.ensure_future(stubborn())
    await asyncio.sleep(0)
    other.cancel("again")
    assert await other == "stayed"
    assert seen == ["why", "again"]


async def test_a_task_cancelled_before_its_first_step_never_runs() -> None:
    ran: list[int] = []

    async def run() -> None:
        ran.append(1)

    task = asyncio.ensure_future(run())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ran == []


async def test_task_group_cancels_siblings_and_collects_errors() -> None:
    ended: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.sleep(LONG)
        finally:
            ended.append("sibling")

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(wait())
            group.create_task(fail())

    with pytest.raises(ExceptionGroup) as caught:
        await both()
    assert [type(error) for error in caught.value.exceptions] == [ValueError]
    assert ended == ["sibling"]


async def test_shield_gather_wait_and_as_completed() -> None:
    async def after(delay: float, value: int) -> int:
        await asyncio.sleep(delay)
        return value

    inner = asyncio.ensure_future(after(0.005, 1))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(inner), 0.001)
    assert await inner == 1
    assert await asyncio.gather(*(after(0.001 * (5 - n), n) for n in range(5))) == list(range(5))
    order = [await each for each in asyncio.as_completed([after(0.02, 2), after(0.001, 1)])]
    assert order == [1, 2]
    tasks = [asyncio.ensure_future(after(0.0, 1)), asyncio.ensure_future(after(LONG, 2))]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    assert (done, pending) == ({tasks[0]}, {tasks[1]})
    tasks[1].cancel()


async def test_locks_queues_and_events() -> None:
    queue: asyncio.Queue[int] = asyncio.Queue(maxsize=2)
    lock, gate = asyncio.Lock(), asyncio.Semaphore(3)
    inside = most = 0

    async def produce() -> None:
        for number in range(50):
            await queue.put(number)

    async def consume() -> list[int]:
        return [await queue.get() for _ in range(50)]

    async def enter() -> None:
        nonlocal inside, most
        async with gate:
            inside += 1
            most = max(most, inside)
            async with lock:
                await asyncio.sleep(0)
            inside -= 1

    received, *_ = await asyncio.gather(consume(), produce(), *(enter() for _ in range(10)))
    assert received == list(range(50))
    assert most == 3


async def test_a_task_has_a_copy_of_its_creators_context() -> None:
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable")
    variable.set(1)

    async def change() -> int:
        before = variable.get()
        variable.set(2)
        await asyncio.sleep(0)
        return before * 10 + variable.get()

    assert await asyncio.create_task(change()) == 12
    assert variable.get() == 1
    own = contextvars.copy_context()
    assert await asyncio.create_task(change(), context=own) == 12
    assert own[variable] == 2


async def test_an_abandoned_generator_is_closed_by_the_loop() -> None:
    closed = asyncio.Event()

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            closed.set()

    generator = numbers()
    assert await anext(generator) == 1
    del generator
    await closed.wait()


async def test_the_exception_handler_gets_what_callbacks_raise() -> None:
    loop = asyncio.get_running_loop()
    contexts: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: contexts.append(context))
    loop.call_soon(lambda: 1 // 0)
    loop.call_later(0.001, lambda: [][0])
    await asyncio.sleep(0.005)
    loop.set_exception_handler(None)
    assert [type(context["exception"]) for context in contexts] == [ZeroDivisionError, IndexError]
    assert all("Exception in callback" in context["message"] for context in contexts)


async def test_a_callback_that_raises_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    loop.call_soon(lambda: 1 // 0)
    loop.call_soon(done.set_result, None)
    await done
    assert "Exception in callback" in caplog.text


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_exits_leave_the_loop(
    new_loop: Callable[[], asyncio.AbstractEventLoop], kind: type[BaseException]
) -> None:
    def leave() -> None:
        raise kind("now")

    loop = new_loop()
    loop.call_soon(leave)
    with pytest.raises(kind, match="now"):
        loop.run_forever()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


async def test_debug_mode_tells_of_slow_callbacks(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0.005
    done = loop.create_future()

    def slow() -> None:
        time.sleep(0.01)
        done.set_result(None)

    with caplog.at_level(logging.WARNING, "asyncio"):
        loop.call_soon(slow)
        await done
        await asyncio.sleep(0)
    loop.set_debug(False)
    assert any("Executing" in line and "slow" in line for line in caplog.messages)


async def test_debug_mode_refuses_calls_of_other_threads() -> None:
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    with pytest.raises(RuntimeError, match="Non-thread-safe operation"):
        await asyncio.to_thread(loop.call_soon, print)
    with pytest.raises(RuntimeError, match="Non-thread-safe operation"):
        await asyncio.to_thread(loop.call_later, 1, print)
    loop.set_debug(False)


def test_debug_mode_by_environment_tells_where_a_coroutine_came_from() -> None:
    code = """if True:
        import asyncio, gc, turboapi.loop

        async def forgotten(): pass

        async def main():
            assert asyncio.get_running_loop().get_debug()
            forgotten()
            gc.collect()
            assert asyncio.create_task(asyncio.sleep(0))._source_traceback

        turboapi.loop.run(main())
    """
    environment = {**os.environ, "PYTHONASYNCIODEBUG": "1"}
    command = [sys.executable, "-W", "always", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True)
    assert "coroutine 'forgotten' was never awaited" in done.stderr
    assert "Coroutine created at (most recent call last)" in done.stderr
