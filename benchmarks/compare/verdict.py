"""Where this project is not first, and why."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
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
    """Every row in which another is better by more than the spread; the upper line does not count."""
    reasons = tomllib.loads(REASONS.read_text())
    lines = []
    for workload, facts in result.workloads.items():
        found = _better_in(result, workload, "cpu_us")
        lines += _line(
            result, f"{facts['title']} ({facts['table']}), CPU", found, "us", 1.0, reasons, workload
        )
        if facts["table"] == "rates":
            found = _better_in(result, workload, "p99_us")
            lines += _line(result, f"{facts['title']}, p99", found, "ms", 1e3, reasons, f"{workload} p99")
    for metric, (title, unit, scale) in PROCESS.items():
        found = _better_process(result, metric)
        lines += _line(result, title, found, unit, scale, reasons, metric)
    return lines


Better = tuple[Figure, dict[str, Figure]]
"""Our figure, and those of the better ones."""


def _better_in(result: Result, workload: str, metric: str) -> Better | None:
    def is_better(name: str, found: Figure, ours: Figure) -> bool:
        times = result.ratio(name, workload, metric)
        return times is not None and times.median * (1 + times.spread) < 1

    return _better(result, lambda name: result.figure(name, workload, metric), is_better)


def _better_process(result: Result, metric: str) -> Better | None:
    return _better(
        result, lambda name: result.process(name, metric), lambda _, found, ours: found.clearly_below(ours)
    )


def _better(
    result: Result,
    of: Callable[[str], Figure | None],
    is_better: Callable[[str, Figure, Figure], bool],
) -> Better | None:
    ours = of(OURS) if OURS in result.contenders else None
    if ours is None:
        return None
    others = {name: of(name) for name in result.contenders if name != OURS}
    better = {
        name: found
        for name, found in others.items()
        if found is not None and result.contenders[name]["group"] != UPPER and is_better(name, found, ours)
    }
    return (ours, better) if better else None


def _line(
    result: Result,
    title: str,
    found: Better | None,
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
