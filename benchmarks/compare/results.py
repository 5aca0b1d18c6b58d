"""Reads a result file: medians of the rounds, how far they spread, and how they compare."""

from __future__ import annotations

import functools
import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OURS = "turboapi"
UPPER = "Upper line"


USUAL_WEIGHT = 4
"""Rounds that what is usual in a table counts for, beside those of the cell itself: three rounds may be close
to each other by chance."""
CERTAINTY = 2.2
"""Standard deviations that hold 19 of 20 differences, where six to ten rounds tell what one is (Student)."""
USUAL_OF_MEDIAN = 1.44
"""The mean of variances from three rounds, in their median: one round far off must not make all look unsure.
"""
MEDIAN_VARIANCE = {1: 1.0, 2: 0.5, 3: 0.449, 4: 0.298, 5: 0.287}
"""Variance of the median of so many rounds, in that of a round."""


@dataclass(frozen=True)
class Figure:
    """A median and a share of it: half the distance between the lowest and the highest round, or, of a ratio,
    how far that of another run may be from it."""

    median: float
    spread: float

    def clearly_below(self, other: Figure) -> bool:
        """Lower by more than both spread."""
        return self.median * (1 + self.spread) < other.median * (1 - other.spread)


def figure(values: Sequence[float]) -> Figure:
    """Of the values of all rounds."""
    median = statistics.median(values)
    return Figure(median, (max(values) - min(values)) / 2 / median if median else 0.0)


class Result:
    """A result file."""

    def __init__(self, content: dict[str, Any]) -> None:
        if content.get("kind") != "compare":
            raise ValueError("not a result of `python -m benchmarks.compare run`")
        self.machine: dict[str, Any] = content["machine"]
        self.method: dict[str, Any] = content["method"]
        self.rounds: int = content["rounds_done"]
        self.workloads: dict[str, dict[str, Any]] = content["workloads"]
        self.contenders: dict[str, dict[str, Any]] = content["contenders"]
        self._samples: dict[str, dict[str, list[dict[str, Any]]]] = content["samples"]
        self._processes: dict[str, list[dict[str, Any]]] = content["processes"]

    @staticmethod
    def read(path: Path) -> Result:
        """From a file."""
        return Result(json.loads(path.read_text()))

    def figure(self, contender: str, workload: str, metric: str) -> Figure | None:
        """A metric of the samples; `None` if any round has failed or there was none."""
        samples = self._samples.get(contender, {}).get(workload, [])
        if not samples or any("error" in sample for sample in samples):
            return None
        return figure([sample[metric] for sample in samples])

    def ratio(self, contender: str, workload: str, metric: str, reference: str = OURS) -> Figure | None:
        """How many times the reference's a metric is, as the median of the rounds' own ratios.

        With a probability of 19 in 20 the median of another run lies within the spread: from the scatter of
        the rounds, of this ratio and of those of all contenders and workloads of the table.
        """
        logs = self._logs(contender, workload, metric, reference)
        if not logs:
            return None
        usual = self._usual(self.workloads[workload]["table"], metric, reference)
        scatter = statistics.variance(logs) * (len(logs) - 1) if len(logs) > 1 else 0.0
        variance = (scatter + USUAL_WEIGHT * usual) / (len(logs) - 1 + USUAL_WEIGHT)
        # Of two medians, this run's and the other's.
        between = 2 * MEDIAN_VARIANCE.get(len(logs), math.pi / 2 / len(logs)) * variance
        return Figure(math.exp(statistics.median(logs)), math.expm1(CERTAINTY * math.sqrt(between)))

    def _logs(self, contender: str, workload: str, metric: str, reference: str) -> list[float]:
        found = [self._samples.get(name, {}).get(workload, []) for name in (contender, reference)]
        if not all(found) or any("error" in sample for samples in found for sample in samples):
            return []
        rounds = zip(*found, strict=False)
        return [math.log(_times(one, other, metric)) for one, other in rounds if other[metric]]

    @functools.cache  # noqa: B019 (a result lives as long as the program)
    def _usual(self, table: str, metric: str, reference: str) -> float:
        """The median variance of the rounds' ratios."""
        logs = [
            self._logs(contender, workload, metric, reference)
            for contender in self.contenders
            if contender != reference
            for workload in self.table(table)
        ]
        variances = [statistics.variance(each) for each in logs if len(each) > 1]
        return statistics.median(variances) * USUAL_OF_MEDIAN if variances else 0.0

    def error(self, contender: str, workload: str) -> str | None:
        """Why there is no figure, if the contender tried."""
        samples = self._samples.get(contender, {}).get(workload, [])
        return next((str(sample["error"]) for sample in samples if "error" in sample), None)

    def unsent_share(self, contender: str, workload: str) -> float:
        """Of the requests that were due in an open loop, the share that was never sent."""
        samples = self._samples.get(contender, {}).get(workload, [])
        due = sum(sample["requests"] + sample["unsent"] for sample in samples if "error" not in sample)
        unsent = sum(sample["unsent"] for sample in samples if "error" not in sample)
        return unsent / due if due else 0.0

    def process(self, contender: str, metric: str) -> Figure | None:
        """A metric of the processes: start-up and memory."""
        values = [each[metric] for each in self._processes.get(contender, []) if metric in each]
        return figure(values) if values else None

    def idle_error(self, contender: str) -> str | None:
        """Why it is not known what an idle connection costs, if that was tried."""
        processes = self._processes.get(contender, [])
        return next((str(each["idle_error"]) for each in processes if "idle_error" in each), None)

    def table(self, name: str) -> list[str]:
        """The workloads of a table."""
        return [workload for workload, facts in self.workloads.items() if facts["table"] == name]

    def group(self, *names: str) -> list[str]:
        """The contenders of some groups that took part."""
        found = [
            contender
            for contender, facts in self.contenders.items()
            if facts["group"] in names and self._samples.get(contender)
        ]
        return sorted(found, key=lambda contender: int(self.contenders[contender]["rank"]))

    def title(self, contender: str) -> str:
        """As it is written in tables."""
        return str(self.contenders[contender]["title"])


def _times(sample: dict[str, Any], reference: dict[str, Any], metric: str) -> float:
    """How many times the reference's a metric is; CPU time turn by turn: both had one within seconds."""
    turns = f"turns_{metric}"
    pairs = zip(sample.get(turns, ()), reference.get(turns, ()), strict=False)
    times = [one / other for one, other in pairs if one and other]
    return statistics.median(times) if times else float(sample[metric] / reference[metric])
