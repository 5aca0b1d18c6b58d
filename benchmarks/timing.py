"""CPU time of single calls: medians with confidence intervals."""

from __future__ import annotations

import importlib
import importlib.util
import statistics
import time
import timeit
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

ROUNDS = 15
ROUND_SECONDS = 0.02
QUICK_ROUNDS = 3
QUICK_SECONDS = 0.002
_OUTSIDE = 3
"""Samples left out at each end: of 15 sorted samples, the 4th and the 12th enclose the median with a
confidence of 96.5 % (the binomial distribution of how many are below it)."""


class Estimate(NamedTuple):
    """Nanoseconds of one call."""

    median: float
    low: float
    """The confidence interval's lower end."""
    high: float
    """Its upper end."""


Table = dict[str, dict[str, Estimate]]
"""By case, and by who does the work; ours first."""


def estimate(samples: Sequence[float]) -> Estimate:
    """Median and interval of `ROUNDS` samples; of fewer, the interval is their range."""
    ordered = sorted(samples)
    outside = _OUTSIDE if len(ordered) >= ROUNDS else 0
    return Estimate(statistics.median(ordered), ordered[outside], ordered[-1 - outside])


def compare(calls: Mapping[str, Callable[[], object]], *, quick: bool = False) -> dict[str, Estimate]:
    """Nanoseconds of CPU time of each call, in rounds in which every call has its turn."""
    rounds, seconds = (QUICK_ROUNDS, QUICK_SECONDS) if quick else (ROUNDS, ROUND_SECONDS)
    timers = {name: timeit.Timer(call, timer=time.thread_time) for name, call in calls.items()}
    numbers = {name: _number(timer.timeit, seconds) for name, timer in timers.items()}
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, timer in timers.items():
            samples[name].append(timer.timeit(numbers[name]) / numbers[name] * 1e9)
    return {name: estimate(taken) for name, taken in samples.items()}


def installed(package: str) -> Any | None:
    """A rival's module, if it is there (`requirements/bench.txt`)."""
    return importlib.import_module(package) if importlib.util.find_spec(package) else None


def show(title: str, table: Table) -> str:
    """The medians as text; tables whose rows have other columns are split."""
    lines: list[str] = []
    columns: list[str] = []
    for name, row in table.items():
        if list(row) != columns:
            columns = list(row)
            lines += ["", f"{title + ', ns':<44}" + "".join(f"{column:>18}" for column in columns)]
        lines.append(f"{name:<44}" + "".join(f"{one.median:>18,.0f}" for one in row.values()))
    return "\n".join(lines[1:]) + "\n"


def _number(timeit: Callable[[int], float], seconds: float) -> int:
    """Calls that take about `seconds`."""
    number = 1
    while (spent := timeit(number)) < seconds / 10:
        number *= 4
    return max(1, int(number * seconds / spent))
