"""Start and end of engine loops: runs, threads, wrong threads, nesting, collection."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import weakref
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import turboapi.loop
from turboapi.loop import EventLoop, new_event_loop

from .harness import DEADLINE


async def answer() -> int:
    await asyncio.sleep(0.001)
    return 42


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_run_returns_the_result_and_raises_the_error() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError("key")

    assert turboapi.loop.run(answer()) == 42
    with pytest.raises(KeyError, match="key"):
        turboapi.loop.run(fail())


def test_the_loop_is_a_selector_event_loop() -> None:
    """Libraries look for `add_reader` and for the class."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, EventLoop)
        assert isinstance(loop, asyncio.SelectorEventLoop)
        assert isinstance(loop, asyncio.AbstractEventLoop)
        assert "running=True" in repr(loop)

    turboapi.loop.run(main())


def test_many_runs_one_after_the_other_leave_no_descriptor_open() -> None:
    turboapi.loop.run(answer())
    before = open_descriptors()
    for _ in range(50):
        assert turboapi.loop.run(answer()) == 42
    assert open_descriptors() == before


def test_a_runner_runs_several_times_on_one_loop() -> None:
    with asyncio.Runner(loop_factory=new_event_loop, debug=True) as runner:
        loop = runner.get_loop()
        assert loop.get_debug()
        for _ in range(3):
            assert runner.run(answer()) == 42
            assert runner.get_loop() is loop
    assert loop.is_closed()


def test_run_cancels_what_is_left_and_shuts_generators_and_executor_down() -> None:
    events: list[str] = []
    pool_threads: list[threading.Thread] = []

    async def left_behind() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            events.append("cancelled")
            raise

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            events.append("generator closed")

    generators = []

    async def main() -> None:
        task = asyncio.ensure_future(left_behind())
        await asyncio.sleep(0)
        assert not task.done()
        generator = numbers()
        generators.append(generator)
        assert await anext(generator) == 1
        pool_threads.append(await asyncio.to_thread(threading.current_thread))

    turboapi.loop.run(main())
    assert events == ["cancelled", "generator closed"]
    assert not pool_threads[0].is_alive()


def test_stop_and_run_forever_again() -> None:
    loop = new_event_loop()
    seen: list[int] = []
    for number in range(5):
        loop.call_soon(seen.append, number)
        loop.call_later(0.001, loop.stop)
        loop.run_forever()
        assert not loop.is_running()
    assert seen == list(range(5))
    # `stop` before `run_forever` runs what is ready once, as asyncio does.
    loop.call_soon(seen.append, 99)
    loop.stop()
    loop.run_forever()
    assert seen[-1] == 99
    thread = threading.Timer(0.01, loop.call_soon_threadsafe, (loop.stop,))
    thread.start()
    loop.run_forever()
    thread.join()
    loop.close()


def test_a_closed_loop_refuses_everything() -> None:
    loop = new_event_loop()
    loop.close()
    loop.close()
    assert loop.is_closed()
    for refused in (
        loop.run_forever,
        lambda: loop.call_soon(print),
        lambda: loop.call_later(1, print),
        lambda: loop.call_soon_threadsafe(print),
        lambda: loop.run_in_executor(None, print),
    ):
        with pytest.raises(RuntimeError, match="closed"):
            refused()


def test_run_until_complete_tells_when_the_loop_stopped_early() -> None:
    loop = new_event_loop()
    never = loop.create_future()
    loop.call_soon(loop.stop)
    with pytest.raises(RuntimeError, match="stopped before Future completed"):
        loop.run_until_complete(never)
    loop.close()


def test_loops_in_several_threads_at_once() -> None:
    meeting = threading.Barrier(8)

    async def main(number: int) -> int:
        meeting.wait(DEADLINE)
        loop = asyncio.get_running_loop()
        total = 0
        for _ in range(100):
            future = loop.create_future()
            loop.call_soon(future.set_result, number)
            total += await future
            await asyncio.sleep(0)
        return total + await asyncio.to_thread(int, "1")

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda number: turboapi.loop.run(main(number)), range(8)))
    assert results == [number * 100 + 1 for number in range(8)]


def test_two_loops_that_wake_each_other() -> None:
    """Ping-pong between threads: a lost wake-up would hang it."""
    rounds = 500

    async def main() -> int:
        here = asyncio.get_running_loop()
        thread, other = loop_in_thread()
        count = 0
        for _ in range(rounds):
            back = here.create_future()
            other.call_soon_threadsafe(here.call_soon_threadsafe, back.set_result, 1)
            count += await back
        other.call_soon_threadsafe(other.stop)
        await asyncio.to_thread(thread.join)
        return count

    def loop_in_thread() -> tuple[threading.Thread, asyncio.AbstractEventLoop]:
        started = threading.Event()
        made: list[asyncio.AbstractEventLoop] = []

        def forever() -> None:
            loop = new_event_loop()
            made.append(loop)
            loop.call_soon(started.set)
            loop.run_forever()
            loop.close()

        thread = threading.Thread(target=forever)
        thread.start()
        assert started.wait(DEADLINE)
        return thread, made[0]

    assert turboapi.loop.run(main()) == rounds


def test_a_loop_runs_on_the_thread_that_made_it_only() -> None:
    loop = new_event_loop()
    with ThreadPoolExecutor(1) as pool, pytest.raises(RuntimeError, match="another thread"):
        pool.submit(loop.run_until_complete, asyncio.sleep(0)).result(DEADLINE)
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def test_a_nested_loop_of_the_same_thread_is_refused() -> None:
    """asyncio refuses it; test_server_close has what follows when asyncio is talked out of that."""

    async def main() -> None:
        inner = new_event_loop()
        coroutine = answer()
        with pytest.raises(RuntimeError, match="Cannot run the event loop while another loop is running"):
            inner.run_until_complete(coroutine)
        coroutine.close()
        inner.close()

    turboapi.loop.run(main())


def test_a_closed_loop_may_be_collected_on_another_thread(capfd: pytest.CaptureFixture[str]) -> None:
    holder = [new_event_loop()]
    holder[0].run_until_complete(answer())
    holder[0].close()
    seen = weakref.ref(holder[0])

    def collect() -> None:
        holder.clear()
        gc.collect()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(collect).result(DEADLINE)
    assert seen() is None
    assert capfd.readouterr() == ("", "")


def test_a_closed_loop_is_freed_by_reference_counts_and_the_collector() -> None:
    seen = []
    for _ in range(5):
        loop = new_event_loop()
        loop.run_until_complete(answer())
        loop.close()
        seen.append(weakref.ref(loop))
    del loop
    gc.collect()
    assert [ref() for ref in seen] == [None] * 5


def test_a_loop_that_was_never_closed_warns_and_is_freed() -> None:
    holder = [new_event_loop()]
    holder[0].run_until_complete(answer())
    before = open_descriptors()
    seen = weakref.ref(holder.pop())
    with pytest.warns(ResourceWarning, match="unclosed event loop"):
        gc.collect()
    assert seen() is None
    assert open_descriptors() < before


def test_a_thread_may_end_without_closing_its_loop() -> None:
    def leave() -> None:
        loop = new_event_loop()
        loop.run_until_complete(answer())
        kept.append(loop)

    kept: list[asyncio.AbstractEventLoop] = []
    thread = threading.Thread(target=leave)
    thread.start()
    thread.join()
    # Closing a loop that does not run is allowed from any thread.
    kept[0].close()
    assert kept[0].is_closed()
