"""Compares two results and finds what has become worse by more than the rounds spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.compare.results import Result

FLOOR = 0.03
"""Smaller changes never count: the same binary differs by so much between two runs."""
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
            f"{mark} {what} {self.old:10.1f} -> {self.new:10.1f}"
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
    return found


def lost(old: Result, new: Result, contenders: Sequence[str]) -> list[str]:
    """Workloads that had a figure and now fail."""
    return [
        f"{contender} {workload}: {new.error(contender, workload)}"
        for contender in contenders
        for workload in new.workloads
        if old.figure(contender, workload, "cpu_us") is not None and new.error(contender, workload)
    ]


def _change(
    old: Result, new: Result, contender: str, workload: str, metric: str, relative_to: str | None
) -> Change | None:
    before, after = old.figure(contender, workload, metric), new.figure(contender, workload, metric)
    if before is None or after is None:
        return None
    values, spread = [before.median, after.median], before.spread + after.spread
    if relative_to is not None:
        references = [each.figure(relative_to, workload, metric) for each in (old, new)]
        for number, reference in enumerate(references):
            if reference is None:
                return None
            values[number] /= reference.median
            spread += reference.spread
    ratio = values[1] / values[0]
    worse = 1 / ratio - 1 if metric == "requests_s" else ratio - 1
    return Change(contender, workload, metric, values[0], values[1], worse, max(FLOOR, spread))
