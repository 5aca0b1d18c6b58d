"""How late an event loop is with its timers."""

from __future__ import annotations

import asyncio

_INTERVAL = 0.25


class LoopLag:
    """Sets a timer four times a second and remembers how late the latest one was, until it is asked."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._longest = 0.0
        self._timer = self._set()

    def take(self) -> float:
        """The longest delay in seconds since the last call."""
        longest, self._longest = self._longest, 0.0
        return longest

    def stop(self) -> None:
        """Set no more timers."""
        self._timer.cancel()

    def _set(self) -> asyncio.TimerHandle:
        return self._loop.call_later(_INTERVAL, self._rung, self._loop.time() + _INTERVAL)

    def _rung(self, due: float) -> None:
        self._longest = max(self._longest, self._loop.time() - due)
        self._timer = self._set()
