"""Where this project is not first, and why."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.compare.results import OURS, UPPER, Figure, Result
from benchmarks.compare.tables import number

REASONS = Path(__file__).with_name("reasons.toml")
PROCESS = {
    "startup_s": ("start-up", "s", 1.0),
    "idle_bytes": ("memory when idle", "MiB", 2.0**20),
    "loaded_bytes": ("memory under load", "MiB", 2.0**20),
    "connection_bytes": ("bytes per idle connection", "", 1.0),
}


def not_first(result: Result) -> list[str]:
    """Every row in which another is better by more than the spread of both; the upper line does not count."""
    reasons = tomllib.loads(REASONS.read_text())
    lines = []
    for workload, facts in result.workloads.items():
        found = _better(result, partial(_sample, result, workload, "cpu_us"))
        lines += _line(
            result, f"{facts['title']} ({facts['table']}), CPU", found, "us", 1.0, reasons, workload
        )
        if facts["table"] == "rates":
            found = _better(result, partial(_sample, result, workload, "p99_us"))
            lines += _line(result, f"{facts['title']}, p99", found, "ms", 1e3, reasons, f"{workload} p99")
    for metric, (title, unit, scale) in PROCESS.items():
        found = _better(result, partial(_process, result, metric))
        lines += _line(result, title, found, unit, scale, reasons, metric)
    return lines


def _sample(result: Result, workload: str, metric: str, contender: str) -> Figure | None:
    return result.figure(contender, workload, metric)


def _process(result: Result, metric: str, contender: str) -> Figure | None:
    return result.process(contender, metric)


def _better(result: Result, of: Callable[[str], Figure | None]) -> tuple[Figure, dict[str, Figure]] | None:
    ours = of(OURS) if OURS in result.contenders else None
    if ours is None:
        return None
    others = {name: of(name) for name in result.contenders if name != OURS}
    better = {
        name: found
        for name, found in others.items()
        if found is not None and result.contenders[name]["group"] != UPPER and found.clearly_below(ours)
    }
    return (ours, better) if better else None


def _line(
    result: Result,
    title: str,
    found: tuple[Figure, dict[str, Figure]] | None,
    unit: str,
    scale: float,
    reasons: dict[str, str],
    key: str,
) -> list[str]:
    if found is None:
        return []
    ours, better = found
    others = ", ".join(
        f"{result.title(name)} {number(each.median / scale)}"
        for name, each in sorted(better.items(), key=lambda pair: pair[1].median)
    )
    # The same reason holds for a workload with more connections, at a rate or on more workers.
    base = re.sub(r"[@~*]\S+", "", key)
    reason = reasons.get(key) or reasons.get(base) or "Not explained yet."
    return [f"- **{title}**: {f'{number(ours.median / scale)} {unit}'.strip()}; {others}. {reason}"]
