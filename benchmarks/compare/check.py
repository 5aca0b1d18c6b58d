"""Compares two results and finds what has become worse by more than the rounds spread."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.compare.results import OURS, Result
from benchmarks.compare.tables import number

FLOOR = 0.03
"""Smaller changes never count: the same binary differs by so much between two runs."""
CERTAINTY = 2.0
"""Spreads that a change must exceed. Where nothing has changed, one figure of fifteen exceeds a single spread
of three rounds, and one of several thousand exceeds two; a result has a hundred figures."""
RATIO_CERTAINTY = 1.5
"""The same for ratios, whose spread holds 19 of 20 already."""
LEAST_ROUNDS = 2
"""One round has no spread."""
PACED = ("rates", "workers")
"""Tables in which throughput is given by the client, or shared with it."""
PACED_WORKLOADS = ("sleep", "block", "events")
SAME_MACHINE = ("cpu", "cores", "python")


@dataclass(frozen=True)
class Change:
    """A metric in both results; ``worse`` is the share by which the new one is worse, or less than 0."""

    contender: str
    workload: str
    metric: str
    old: float
    new: float
    worse: float
    allowed: float

    @property
    def regressed(self) -> bool:
        """Worse than the spread allows."""
        return self.worse > self.allowed

    def __str__(self) -> str:
        mark = "WORSE " if self.regressed else "better" if self.worse < -self.allowed else "same  "
        what = f"{self.contender} {self.workload:24} {self.metric:10}"
        return (
            f"{mark} {what} {number(self.old):>10} -> {number(self.new):>10}"
            f"  {-self.worse * 100:+6.1f}% (noise {self.allowed * 100:.1f}%)"
        )


def differences(old: Result, new: Result) -> list[str]:
    """What makes the two results incomparable as they are."""
    return [
        f"{key}: {old.machine.get(key)} and {new.machine.get(key)}"
        for key in SAME_MACHINE
        if old.machine.get(key) != new.machine.get(key)
    ]


def changes(
    old: Result, new: Result, contenders: Sequence[str], relative_to: str | None = None
) -> list[Change]:
    """All metrics that both have.

    With ``relative_to`` figures are first divided by that contender's: for results of different machines.
    """
    found = []
    for contender in contenders:
        for workload, facts in new.workloads.items():
            metrics = ["cpu_us"]
            if facts["table"] not in PACED and workload not in PACED_WORKLOADS:
                metrics.append("requests_s")
            for metric in metrics:
                change = _change(old, new, contender, workload, metric, relative_to)
                if change is not None:
                    found.append(change)
    if relative_to is not None:
        return [replace(each, allowed=max(FLOOR, RATIO_CERTAINTY * each.allowed)) for each in found]
    # Three rounds may be close to each other by chance: what is usual for a metric counts too.
    usual = {
        metric: statistics.median(each.allowed for each in found if each.metric == metric)
        for metric in {each.metric for each in found}
    }
    return [
        replace(each, allowed=max(FLOOR, CERTAINTY * max(each.allowed, usual[each.metric]))) for each in found
    ]


def repeated(first: Result, second: Result) -> list[Change]:
    """CPU time of the others in ours, in both results; allowed is the spread that the first prints."""
    found = [
        _change(first, second, contender, workload, "cpu_us", OURS, both=False)
        for contender in first.contenders
        for workload in first.workloads
        if contender != OURS
    ]
    return [each for each in found if each is not None]


def lost(old: Result, new: Result, contenders: Sequence[str]) -> list[str]:
    """Workloads that had a figure and are part of the new result without one."""
    return [
        f"{contender} {workload}: {new.error(contender, workload) or 'not measured'}"
        for contender in contenders
        for workload in new.workloads
        if old.figure(contender, workload, "cpu_us") is not None
        and new.figure(contender, workload, "cpu_us") is None
    ]


def _change(
    old: Result,
    new: Result,
    contender: str,
    workload: str,
    metric: str,
    relative_to: str | None,
    *,
    both: bool = True,
) -> Change | None:
    if workload not in old.workloads or workload not in new.workloads:
        return None
    if relative_to is None:
        before, after = (each.figure(contender, workload, metric) for each in (old, new))
    else:
        before, after = (each.ratio(contender, workload, metric, relative_to) for each in (old, new))
    if before is None or after is None:
        return None
    ratio = after.median / before.median
    worse = 1 / ratio - 1 if metric == "requests_s" else ratio - 1
    if relative_to is None:
        spread = before.spread + after.spread
    else:
        spread = max(before.spread, after.spread) if both else before.spread
    return Change(contender, workload, metric, before.median, after.median, worse, spread)
