"""Reads a result file: medians of the rounds and how far they spread."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OURS = "turboapi"
UPPER = "Upper line"


@dataclass(frozen=True)
class Figure:
    """A median, and half the distance between the lowest and the highest round as a share of it."""

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
