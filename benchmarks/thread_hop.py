"""CPU time of a call on a thread pool that sleeps ten milliseconds: what a blocking handler costs at least.

    python -m benchmarks.thread_hop [--seconds 2] [--rounds 5]

``anyio`` is `anyio.to_thread.run_sync`, as FastAPI calls handlers, on asyncio's loop and on uvloop's, if that
is installed; ``executor`` is `loop.run_in_executor`; ``threads`` is a thread that sleeps again and again,
without a loop. Fifty calls are under way at any time on one core; the pools have forty threads, as anyio's.
Medians of the rounds, in microseconds a call.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import anyio.to_thread

CALLS = 50
THREADS = 40
SLEEP = 0.01

Hop = Callable[[], Awaitable[object]]


async def _calls(hop: Hop, seconds: float) -> float:
    async def caller() -> int:
        count = 0
        while time.perf_counter() < end:
            await hop()
            count += 1
        return count

    end = time.perf_counter() + 0.2
    await asyncio.gather(*(caller() for _ in range(CALLS)))
    end = time.perf_counter() + seconds
    began = time.process_time()
    counts = await asyncio.gather(*(caller() for _ in range(CALLS)))
    return (time.process_time() - began) / sum(counts) * 1e6


async def _anyio(seconds: float) -> float:
    return await _calls(lambda: anyio.to_thread.run_sync(time.sleep, SLEEP), seconds)


async def _executor(seconds: float) -> float:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(THREADS) as pool:
        return await _calls(lambda: loop.run_in_executor(pool, time.sleep, SLEEP), seconds)


def _threads(seconds: float) -> float:
    counts: list[int] = []

    def sleeper() -> None:
        count = 0
        while time.perf_counter() < end:
            time.sleep(SLEEP)
            count += 1
        counts.append(count)

    end = time.perf_counter() + seconds
    began = time.process_time()
    threads = [threading.Thread(target=sleeper) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.process_time() - began) / sum(counts) * 1e6


def measures(seconds: float) -> dict[str, Callable[[], float]]:
    """What is measured, by name."""
    found: dict[str, Callable[[], float]] = {
        "threads": lambda: _threads(seconds),
        "executor on asyncio": lambda: asyncio.run(_executor(seconds)),
        "anyio on asyncio": lambda: asyncio.run(_anyio(seconds)),
    }
    if find_spec("uvloop") is not None:
        import uvloop

        def on_uvloop() -> float:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                measured: float = runner.run(_anyio(seconds))
                return measured

        found["anyio on uvloop"] = on_uvloop
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.thread_hop",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if sys.platform == "linux":
        os.sched_setaffinity(0, {0})
    taken: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        for name, measure in measures(options.seconds).items():
            taken.setdefault(name, []).append(measure())
    for name, times in taken.items():
        print(f"{name:20} {statistics.median(times):7.1f} us ({min(times):.1f} to {max(times):.1f})")


if __name__ == "__main__":
    main()
