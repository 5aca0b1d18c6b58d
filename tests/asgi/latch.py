"""Events that cross between a test's thread and the app on the loop's thread."""

from __future__ import annotations

import asyncio
import threading

#: Seconds that anything may take before a test gives up. Reached only by something that hangs.
PATIENCE = 30.0


class Latch:
    """Set once, by either side; app code awaits `reached()`, test code calls `wait()`."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def set(self) -> None:
        """Let everybody through, from any thread."""
        with self._lock:
            self._event.set()
            waiters, self._waiters = self._waiters, []
        for loop, future in waiters:
            loop.call_soon_threadsafe(_resolve, future)

    @property
    def is_set(self) -> bool:
        """Whether it was set."""
        return self._event.is_set()

    def wait(self) -> None:
        """Block the test until it is set."""
        assert self._event.wait(PATIENCE), "nothing happened"

    async def reached(self) -> None:
        """Suspend the app until it is set."""
        with self._lock:
            if self._event.is_set():
                return
            loop = asyncio.get_running_loop()
            future: asyncio.Future[None] = loop.create_future()
            self._waiters.append((loop, future))
        await future


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
