"""Markdown tables of a result."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from benchmarks.compare.results import OURS, UPPER, Figure, Result

FASTAPI, OTHERS = "FastAPI", "Other frameworks"
SUSTAINED = 0.02
"""Share of unsent requests up to which a rate counts as kept."""
SATURATED = 0.9
"""CPUs below which a server on one core could have done more."""
FAILED = "failed"
ASTERISK = r" \*"

Cell = Callable[[str, str], str]


def number(value: float) -> str:
    """With three significant digits or so."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def with_spread(found: Figure | None) -> str:
    """A median and its spread."""
    return "" if found is None else f"{number(found.median)} ±{found.spread * 100:.0f}%"


def as_ratio(times: Figure) -> str:
    """A ratio and how far another run's may be from it."""
    spread = f" ±{times.spread * 100:.0f}%" if times.spread else ""
    return f"{number(times.median)}x{spread}"


def grid(title: str, rows: dict[str, str], columns: dict[str, str], cell: Cell, least: int = 1) -> list[str]:
    """A table without the rows that have fewer than ``least`` cells, and without empty columns."""
    filled = {row: {column: cell(row, column) for column in columns} for row in rows}
    used_rows = [row for row in rows if sum(map(bool, filled[row].values())) >= least]
    used = [column for column in columns if any(filled[row][column] for row in used_rows)]
    if not used_rows:
        return []
    lines = [
        f"| {title} | {' | '.join(columns[column] for column in used)} |",
        f"|---|{'---:|' * len(used)}",
    ]
    lines += [f"| {rows[row]} | {' | '.join(filled[row][column] for column in used)} |" for row in used_rows]
    return [*lines, ""]


def workload_table(
    result: Result, table: str, contenders: Sequence[str], title: str, metric: str
) -> list[str]:
    """Workloads in rows, contenders in columns."""

    def cell(workload: str, contender: str) -> str:
        found = result.figure(contender, workload, metric)
        if found is None:
            return FAILED if result.error(contender, workload) else ""
        busy = result.figure(contender, workload, "server_cpus")
        waits = metric == "requests_s" and busy is not None and busy.median < SATURATED
        times = result.ratio(contender, workload, metric) if contender != OURS else None
        text = number(found.median) if times is None else f"{number(found.median)} ({as_ratio(times)})"
        return f"{text}{ASTERISK if waits else ''}"

    return _compared(title, result, table, contenders, cell)


def latency_table(result: Result, table: str, contenders: Sequence[str], title: str) -> list[str]:
    """The percentiles 50, 99 and 99.9 in milliseconds; rates that were not kept are marked."""

    def cell(workload: str, contender: str) -> str:
        found = [result.figure(contender, workload, f"p{name}_us") for name in ("50", "99", "999")]
        if None in found:
            return FAILED if result.error(contender, workload) else ""
        text = " / ".join(number(each.median / 1000) for each in found if each is not None)
        return f"{text} (not kept)" if result.unsent_share(contender, workload) > SUSTAINED else text

    return _compared(title, result, table, contenders, cell)


def _compared(title: str, result: Result, table: str, contenders: Sequence[str], cell: Cell) -> list[str]:
    # A row that only one of several has compares nothing.
    names = {name: result.title(name) for name in contenders}
    return grid(title, _titles(result, table), names, cell, least=min(2, len(names)))


def process_table(result: Result) -> list[str]:
    """Start-up and memory of every contender."""
    metrics = {
        "startup_s": ("start-up, s", 1.0),
        "idle_bytes": ("idle, MiB", 2.0**20),
        "loaded_bytes": ("under load, MiB", 2.0**20),
        "peak_bytes": ("peak, MiB", 2.0**20),
        "connection_bytes": ("bytes per idle connection", 1.0),
    }

    def cell(contender: str, metric: str) -> str:
        found = result.process(contender, metric)
        if found is None:
            return ""
        return with_spread(Figure(found.median / metrics[metric][1], found.spread))

    names = result.group(FASTAPI, OTHERS, UPPER)
    return grid(
        "process",
        {name: result.title(name) for name in names},
        {metric: title for metric, (title, _) in metrics.items()},
        cell,
    )


def failures(result: Result) -> list[str]:
    """What went wrong, and who could not take part or has no such workload."""
    lines = []
    for contender, facts in result.contenders.items():
        if facts["absent"]:
            lines.append(f"- {facts['title']} did not take part: {_short(facts['absent'])}")
        reasons: dict[str, list[str]] = {}
        for workload, about in result.workloads.items():
            reason = result.error(contender, workload) or (facts["without"] or {}).get(workload)
            if reason:
                reasons.setdefault(_short(reason), []).append(f"{about['title']} ({about['table']})")
        if reason := result.idle_error(contender):
            reasons.setdefault(_short(reason), []).append("bytes per idle connection")
        lines += [
            f"- {facts['title']}, {'; '.join(workloads)}: {reason}" for reason, workloads in reasons.items()
        ]
    return lines


def _short(text: str) -> str:
    # How many answers were wrong differs from row to row; what was wrong with them often does not.
    text = re.sub(r"^wrong \d+, broken 0:", "wrong answers:", text)
    text = re.sub(r"^wrong 0, broken \d+:", "broken connections:", text)
    return " ".join(text.split())[:200].replace("|", "\\|").replace("<", "&lt;")


def _titles(result: Result, table: str) -> dict[str, str]:
    return {name: result.workloads[name]["title"] for name in result.table(table)}
