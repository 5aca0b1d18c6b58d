"""Timers, callbacks and wake-ups from other threads."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time

import pytest

LONG = 3600.0


async def test_call_soon_runs_in_order_and_after_the_current_callback() -> None:
    loop = asyncio.get_running_loop()
    seen: list[object] = []
    done = loop.create_future()
    for number in range(100):
        loop.call_soon(seen.append, number)
    loop.call_soon(lambda: loop.call_soon(done.set_result, None))
    loop.call_soon(seen.append, "last")
    assert seen == []
    await done
    assert seen == [*range(100), "last"]


async def test_call_later_runs_by_time_not_by_insertion() -> None:
    loop = asyncio.get_running_loop()
    seen: list[str] = []
    done = loop.create_future()
    loop.call_later(0.03, done.set_result, None)
    loop.call_later(0.02, seen.append, "third")
    loop.call_later(0.005, seen.append, "first")
    loop.call_later(0.01, seen.append, "second")
    loop.call_later(0.0, seen.append, "zero")
    loop.call_later(-1.0, seen.append, "past")
    await done
    assert sorted(seen[:2]) == ["past", "zero"]
    assert seen[2:] == ["first", "second", "third"]


@pytest.mark.parametrize("delay", [0.0004, 0.0011, 0.01, 0.0499])
async def test_a_timer_is_never_early(delay: float) -> None:
    loop = asyncio.get_running_loop()
    resolution = time.get_clock_info("monotonic").resolution
    for _ in range(5):
        start = loop.time()
        await asyncio.sleep(delay)
        assert loop.time() - start >= delay - resolution


async def test_a_timer_is_not_late_on_an_idle_loop() -> None:
    loop = asyncio.get_running_loop()
    late: list[float] = []
    for _ in range(10):
        start = loop.time()
        await asyncio.sleep(0.01)
        late.append(loop.time() - start - 0.01)
    # The median: a busy machine may delay one of them by any amount.
    assert sorted(late)[5] < 0.02


async def test_a_cancelled_timer_does_not_run_and_does_not_end_the_wait() -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    timers = [loop.call_later(0.005, done.set_exception, AssertionError("ran")) for _ in range(200)]
    for timer in timers:
        timer.cancel()
    loop.call_later(0.02, done.set_result, "kept")
    assert await done == "kept"


async def test_many_cancelled_timers_do_not_hide_a_live_one() -> None:
    """asyncio replaces its list of timers when more than half of a hundred are cancelled."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    for timer in [loop.call_later(LONG, done.cancel) for _ in range(1000)]:
        timer.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0.001)
    loop.call_later(0.01, done.set_result, None)
    await done


async def test_an_earlier_timer_set_from_a_callback_ends_a_longer_wait() -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    far = loop.call_later(LONG, done.cancel)
    loop.call_later(0.005, lambda: loop.call_later(0.005, done.set_result, None))
    await done
    far.cancel()


async def test_an_earlier_timer_set_from_a_thread_ends_a_longer_wait() -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    far = loop.call_later(LONG, done.cancel)
    thread = threading.Thread(
        target=loop.call_soon_threadsafe, args=(loop.call_later, 0.005, done.set_result, None)
    )
    thread.start()
    await done
    thread.join()
    far.cancel()


async def test_wait_for_and_timeout_expire() -> None:
    forever = asyncio.get_running_loop().create_future()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(forever, 0.01)
    assert forever.cancelled()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await asyncio.sleep(LONG)
    async with asyncio.timeout(LONG) as limit:
        limit.reschedule(asyncio.get_running_loop().time() + LONG)
        await asyncio.sleep(0)
    assert not limit.expired()


async def test_a_thread_wakes_an_idle_loop() -> None:
    loop = asyncio.get_running_loop()
    for _ in range(50):
        woken = loop.create_future()
        thread = threading.Thread(target=loop.call_soon_threadsafe, args=(woken.set_result, None))
        thread.start()
        await woken
        thread.join()


async def test_hundreds_of_threads_wake_the_loop_and_nothing_is_lost() -> None:
    loop = asyncio.get_running_loop()
    threads, each = 300, 20
    counted: dict[int, list[int]] = {number: [] for number in range(threads)}
    left = threads * each
    done = loop.create_future()

    def count(thread: int, value: int) -> None:
        nonlocal left
        counted[thread].append(value)
        left -= 1
        if left == 0:
            done.set_result(None)

    def post(thread: int) -> None:
        for value in range(each):
            loop.call_soon_threadsafe(count, thread, value)

    workers = [threading.Thread(target=post, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    await done
    for worker in workers:
        worker.join()
    assert all(values == list(range(each)) for values in counted.values())


async def test_run_in_executor_and_to_thread() -> None:
    loop = asyncio.get_running_loop()
    here = threading.get_ident()
    assert await loop.run_in_executor(None, threading.get_ident) != here
    assert await asyncio.to_thread(threading.get_ident) != here
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        both = threading.Barrier(2)
        await asyncio.gather(*(loop.run_in_executor(pool, both.wait, 5) for _ in range(2)))
    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(lambda: 1 // 0)


async def test_run_coroutine_threadsafe_returns_results_and_errors() -> None:
    loop = asyncio.get_running_loop()

    async def answer(value: int) -> float:
        await asyncio.sleep(0)
        return 1 / value

    def ask(value: int) -> float:
        return asyncio.run_coroutine_threadsafe(answer(value), loop).result(5)

    assert await asyncio.to_thread(ask, 4) == 0.25
    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(ask, 0)


async def test_a_busy_loop_still_runs_timers_and_sees_its_sockets() -> None:
    loop = asyncio.get_running_loop()
    spinning = True

    def spin() -> None:
        if spinning:
            loop.call_soon(spin)

    spin()
    try:
        await asyncio.sleep(0.01)
        assert await asyncio.to_thread(lambda: 5) == 5
    finally:
        spinning = False
