"""One publisher and many subscribers, on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count


class Hub:
    """Gives every subscriber the same numbers, one at each interval (in seconds)."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._subscribers: set[asyncio.Queue[int]] = set()
        self._publisher: asyncio.Task[None] | None = None

    async def subscribe(self, limit: int) -> AsyncIterator[int]:
        """The next numbers, so many."""
        queue: asyncio.Queue[int] = asyncio.Queue()
        self._subscribers.add(queue)
        if self._publisher is None:
            self._publisher = asyncio.create_task(self._publish())
        try:
            for _ in range(limit):
                yield await queue.get()
        finally:
            self._subscribers.discard(queue)

    async def _publish(self) -> None:
        try:
            for number in count():
                if not self._subscribers:
                    return
                await asyncio.sleep(self._interval)
                for queue in self._subscribers:
                    queue.put_nowait(number)
        finally:
            self._publisher = None
