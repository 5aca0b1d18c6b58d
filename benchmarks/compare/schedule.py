"""How long measurements may take, and how long the rest of the run will."""

from __future__ import annotations

import time

AROUND_MEASUREMENT = 0.1
"""Seconds for the clients to start, to connect and to end."""
AROUND_PROCESS = 2.5
"""Seconds for a server to start, to warm up and to end."""
SHORTEST, LONGEST = 0.2, 5.0
REHEARSAL = 0.2
"""Seconds of each load on each server before its turns begin."""
WARM_SHARE = 0.35
"""Of a turn's length, for the same load before it."""


def seconds_for(budget: float, *, rounds: int, measurements: int, processes: int) -> float:
    """The length of each measurement in seconds that keeps all rounds within ``budget`` seconds."""
    left = budget / rounds - processes * AROUND_PROCESS
    each = left / measurements - AROUND_MEASUREMENT - REHEARSAL
    return min(max(each / (1 + WARM_SHARE), SHORTEST), LONGEST)


class Progress:
    """Says after each measurement how much is done and when the rest will be."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._start = time.monotonic()

    def step(self, what: str, outcome: str) -> None:
        """One measurement is done."""
        self._done += 1
        gone = time.monotonic() - self._start
        left = gone / self._done * (self._total - self._done)
        print(
            f"[{self._done}/{self._total} {_clock(gone)} gone, {_clock(left)} left] {what:42} {outcome}",
            flush=True,
        )


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
