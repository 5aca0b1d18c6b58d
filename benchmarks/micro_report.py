"""The page of the microbenchmarks: medians with confidence intervals, rivals beside each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

RIVALS = (
    "hyper",
    "matchit",
    "linear",
    "serde_json",
    "simd-json",
    "form_urlencoded",
    "percent-encoding",
)
"""The last part of a case's name, if another library does the work."""
OURS = "turbo-http"
"""The last part of a case's name that says no more than that the work is ours."""

_ABOUT = """\
Written by `make bench-micro`. The figures are nanoseconds a run: the median and, in brackets, its confidence
interval (95 % by bootstrap for the crates, 96.5 % by order statistics for Python). Every result is compared
with what it must be. The docs of `crates/turbo-bench` and of the modules in `benchmarks/` say what each case
does; `make bench-instructions` is the tool for telling two builds apart."""

_Row = dict[str, dict[str, float]]


def render(result: dict[str, Any]) -> str:
    """Markdown."""
    lines = [
        "# Microbenchmarks",
        "",
        _ABOUT,
        "",
        _measured(result),
        "",
        "## The crates, without Python",
        "",
    ]
    for section, rows in _sections(result["criterion"]).items():
        lines += [f"### {section}", "", *_tables(rows), ""]
    lines += ["## With Python objects", ""]
    for title, rows in result["python"].items():
        lines += [f"### {title}", "", *_tables(rows), ""]
    return "\n".join(lines).rstrip() + "\n"


def _measured(result: dict[str, Any]) -> str:
    machine = result["machine"]
    return (
        f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}; {machine['python']},"
        f" pydantic {machine['pydantic']}, orjson {result['versions']['orjson']};"
        f" commit {machine['commit']}, {machine['date']}; profile `{result['profile']}`;"
        f" {result['seconds']} s on one core."
    )


def _sections(cases: dict[str, dict[str, Any]]) -> dict[str, dict[str, _Row]]:
    """Cases by the first part of their group's name, what is ours and its rivals in one row."""
    sections: dict[str, dict[str, _Row]] = {}
    for case in cases.values():
        *name, last = f"{case['group']}/{case['function']}".split("/")
        column = last if last in RIVALS else "ours"
        if last not in {*RIVALS, OURS}:
            name.append(last)
        row = "/".join([*name[1:], *([case["size"]] if case["size"] else [])])
        rows = sections.setdefault(name[0], {})
        rows.setdefault(row, {})[column] = case["ns"]
    return sections


def _tables(rows: dict[str, _Row]) -> Iterator[str]:
    """One table for each run of rows with the same columns."""
    columns: list[str] = []
    for name, row in rows.items():
        if list(row) != columns:
            if columns:
                yield ""
            columns = list(row)
            yield f"| case | {' | '.join(columns)} |"
            yield "|---|" + "---:|" * len(columns)
        yield f"| {_escaped(name)} | {' | '.join(_figure(row[column]) for column in columns)} |"


def _figure(ns: dict[str, float]) -> str:
    return f"{_number(ns['median'])} ({_number(ns['low'])}-{_number(ns['high'])})"


def _number(ns: float) -> str:
    return f"{ns:,.1f}" if ns < 100 else f"{ns:,.0f}"


def _escaped(name: str) -> str:
    return name.replace("|", "\\|")
