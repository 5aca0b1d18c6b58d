"""Renders results into ``docs/benchmarks.md``, between two markers, with charts beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.compare import tables
from benchmarks.compare.results import UPPER, Result
from benchmarks.compare.tables import FASTAPI, OTHERS, latency_table, workload_table
from benchmarks.compare.verdict import not_first
from benchmarks.servers import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
CHARTS = ROOT / "docs" / "charts"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
COLOURS = (
    "In the charts orange is TurboAPI, blue the same application on other servers, violet other frameworks,"
    " and grey Rust without Python."
)
CAPTIONS = {
    "cpu": "CPU time a request",
    "throughput": "Requests a second on one core",
    "latency": "p99 latency at fixed rates",
    "memory": "Memory",
}


def render(result: Result, charts: Sequence[str], folder: str) -> str:
    """The section of one result; charts are files in ``folder``, as seen from the page."""
    machine = result.machine
    method = result.method
    build = ", free-threaded" if machine.get("free-threaded build") else ""
    lines = [
        f"### {machine['python']}{build}",
        "",
        (
            f"{result.rounds} of {method['rounds']} rounds of {method['seconds']:g} s a measurement, in turns"
            f" of 0.05 to 0.25 s. {machine['cores']} cores"
            f" ({machine['cpu']}), Linux {machine['kernel']}, commit {machine['commit']}, {machine['date']}"
            f"{', PostgreSQL ' + machine['postgresql'] if 'postgresql' in machine else ''}."
            " A cell is the median of the rounds; behind it, how many times TurboAPI's it is, and how far"
            " another run's ratio may be from that with 95 % confidence. An asterisk: the server"
            " used less than 0.9 of its core, so the client, the database, or the waiting of which the"
            " workload consists was the limit."
        ),
        "",
    ]
    if charts:
        lines += [COLOURS, ""]
    for chart in charts:
        lines += [f"![{CAPTIONS[chart]}]({folder}/{chart}.svg)", ""]
    lines += ["#### The same FastAPI application on five servers", "", *_suite(result, FASTAPI)]
    lines += [
        "#### The same routes in other frameworks",
        "",
        *_suite(result, OTHERS, UPPER, first=("turboapi",)),
    ]
    lines += ["#### Start-up and memory", "", *tables.process_table(result)]
    lines += [
        "#### Where TurboAPI is not first",
        "",
        *_listed(not_first(result), "It is first in every row."),
    ]
    lines += [
        "#### What failed, and who has no such workload",
        "",
        *_listed(tables.failures(result), "Nothing."),
    ]
    versions = [
        f"{facts['title']}: "
        + ", ".join(f"{package} {number}" for package, number in facts["versions"].items())
        for facts in result.contenders.values()
        if facts["versions"]
    ]
    lines += ["#### Versions", "", *(f"- {line}" for line in versions), ""]
    return "\n".join(lines)


def _suite(result: Result, *groups: str, first: Sequence[str] = ()) -> list[str]:
    names = [*(name for name in first if name in result.group(FASTAPI)), *result.group(*groups)]
    cpu, rate = "CPU, us a request", "requests a second"
    return [
        *workload_table(result, "basic", names, cpu, "cpu_us"),
        *workload_table(result, "basic", names, rate, "requests_s"),
        *latency_table(result, "basic", names, "closed loop, p50 / p99 / p99.9 ms"),
        *workload_table(result, "connections", names, f"more connections: {cpu}", "cpu_us"),
        *latency_table(result, "connections", names, "more connections: p50 / p99 / p99.9 ms"),
        *latency_table(result, "rates", names, "open loop, p50 / p99 / p99.9 ms"),
        *workload_table(result, "techempower", names, f"TechEmpower: {cpu}", "cpu_us"),
        *workload_table(result, "techempower", names, f"TechEmpower: {rate}", "requests_s"),
        *workload_table(result, "drivers", names, f"other drivers: {cpu}", "cpu_us"),
        *workload_table(result, "arena", names, f"HttpArena: {cpu}", "cpu_us"),
        *workload_table(result, "arena", names, f"HttpArena: {rate}", "requests_s"),
        *workload_table(result, "workers", names, f"worker processes, cores shared: {cpu}", "cpu_us"),
        *workload_table(result, "workers", names, "CPUs that the server used", "server_cpus"),
    ]


def _listed(lines: Sequence[str], otherwise: str) -> list[str]:
    return [*(lines or [otherwise]), ""]


def insert(page: str, text: str) -> str:
    """The page with ``text`` between its markers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}"


def write(paths: Sequence[Path], page: Path = PAGE, charts: Path = CHARTS) -> None:
    """Renders these results into the page."""
    from benchmarks.compare import charts as drawing

    sections = []
    for path in paths:
        result = Result.read(path)
        drawn = drawing.draw(result, charts / path.stem)
        sections.append(render(result, drawn, f"{charts.name}/{path.stem}"))
    page.write_text(insert(page.read_text(), "\n".join(sections)))
