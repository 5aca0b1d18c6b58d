"""`Pace.state()`: what adaptive sync has learned, told by calls of real functions.

The rules themselves are tested on an injected clock in `crates/turbo-pace`.
"""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time
from typing import Any

import anyio.to_thread
import pytest

from turboapi._engine import Pace

EVIDENCE = 16
"""Quick calls in a row that promote."""

FIRST_STATE = {
    "name": "test",
    "mode": "adaptive",
    "state": "threads",
    "inline_calls": 0,
    "threaded_calls": 0,
    "promotions": 0,
    "demotions": 0,
    "recent_max_ns": 0,
    "demoted_for": 0.0,
}


def quick() -> int:
    return threading.get_ident()


def slow() -> None:
    """Blocks for 20 ms."""
    time.sleep(0.02)


def fails() -> None:
    raise ZeroDivisionError


def promote(target: Pace) -> None:
    # A machine that is busy may interrupt any call, so there is no exact number of them.
    timed = target.timed(quick)
    for _ in range(10_000):
        timed()
        if target.inline:
            return
    pytest.fail(f"not promoted: {target.state()}")


def test_the_first_state() -> None:
    target = Pace("test", "adaptive")
    assert target.state() == FIRST_STATE
    assert (target.name, target.mode, target.inline) == ("test", "adaptive", False)
    assert repr(target) == "<Pace test adaptive>"


def test_quick_calls_promote() -> None:
    target = Pace("test", "adaptive")
    promote(target)
    seen = target.state()
    assert seen["state"] == "inline"
    assert seen["threaded_calls"] >= EVIDENCE
    assert (seen["promotions"], seen["demotions"]) == (1, 0)
    assert seen["recent_max_ns"] > 0


def test_calls_on_the_pool_are_timed_there() -> None:
    """The hop to the thread takes several times what may be; the time of the call itself counts."""
    target = Pace("test", "adaptive")
    idents = set()

    async def main() -> None:
        for _ in range(1_000):
            idents.add(await anyio.to_thread.run_sync(target.timed(quick)))
            if target.inline:
                return

    asyncio.run(main())
    assert target.inline
    assert threading.get_ident() not in idents


def test_calls_that_raise_count_too() -> None:
    target = Pace("test", "adaptive")
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            target.timed(fails)()
        with pytest.raises(ZeroDivisionError):
            target.call(fails)
    seen = target.state()
    assert (seen["inline_calls"], seen["threaded_calls"]) == (3, 3)


def test_a_slow_call_on_the_pool_does_not_promote() -> None:
    target = Pace("test", "adaptive")
    for _ in range(EVIDENCE - 1):
        target.timed(quick)()
    target.timed(slow)()
    target.timed(quick)()
    assert not target.inline


def test_a_slow_inline_call_demotes() -> None:
    target = Pace("test", "adaptive")
    promote(target)
    target.call(slow)
    seen = target.state()
    assert (seen["state"], seen["promotions"], seen["demotions"]) == ("demoted", 1, 1)
    # 200 times what it held up; up to 2 ms of waiting for a core before the call are taken for part of it.
    assert 3 < seen["demoted_for"] <= 300
    assert seen["recent_max_ns"] >= 18_000_000
    for _ in range(10 * EVIDENCE):
        target.timed(quick)()
        assert not target.inline


def test_a_garbage_collection_is_nobodys_fault() -> None:
    """It stops all threads wherever it happens, so no callable is better off on the pool."""
    heap: list[list[object]] = [[] for _ in range(1_000_000)]
    target = Pace("test", "adaptive")
    promote(target)
    started = time.perf_counter_ns()
    target.call(gc.collect)
    took = time.perf_counter_ns() - started
    assert len(heap) == 1_000_000
    assert took > 5_000_000, "the collection was too quick to tell"
    assert target.inline
    assert target.state()["recent_max_ns"] < took / 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how long a thread waits for a core")
def test_a_busy_machine_is_nobodys_fault() -> None:
    """A thread that has to wait for a core is not slow by itself, and would wait on the pool as well."""

    def burns() -> None:
        end = time.thread_time() + 0.03
        while time.thread_time() < end:
            pass

    cores = os.sched_getaffinity(0)
    rival = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        core = {min(cores)}
        os.sched_setaffinity(rival.pid, core)
        os.sched_setaffinity(0, core)
        for _ in range(100):
            target = Pace("test", "inline")
            wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
            target.call(burns)
            wall, cpu = time.perf_counter_ns() - wall, time.thread_time_ns() - cpu
            if wall - cpu > 15_000_000:
                break
        else:
            pytest.fail("the rival never got the core")
    finally:
        os.sched_setaffinity(0, cores)
        rival.kill()
        rival.wait()
    assert target.state()["recent_max_ns"] < cpu + (wall - cpu) / 3


@pytest.mark.parametrize(("mode", "inline"), [("inline", True), ("threads", False)])
def test_the_other_modes_learn_nothing(mode: str, inline: bool) -> None:
    target = Pace("test", mode)
    for function in (quick, slow):
        for _ in range(EVIDENCE):
            target.timed(function)()
            target.call(function)
            assert target.inline is inline
    seen = target.state()
    assert seen["state"] == mode
    assert (seen["inline_calls"], seen["threaded_calls"]) == (2 * EVIDENCE, 2 * EVIDENCE)


@pytest.mark.parametrize("mode", ["", "Inline", "thread"])
def test_an_unknown_mode_is_an_error(mode: str) -> None:
    with pytest.raises(ValueError, match="use one of adaptive, inline, threads"):
        Pace("test", mode)


@pytest.mark.parametrize("name", ["name", "mode", "inline", "new"])
def test_attributes_cannot_be_set(name: str) -> None:
    target: Any = Pace("test", "adaptive")
    with pytest.raises(AttributeError):
        setattr(target, name, "other")
