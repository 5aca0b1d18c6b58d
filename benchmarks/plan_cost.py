"""CPU time a request costs with route plans: this engine, FastAPI on uvicorn, and bare hyper.

    python -m benchmarks.plan_cost [--rounds 5] [--seconds 2] [--rows def,async] [--quick]

The servers: ``hyper`` answers a constant of the row's status and body and reads the request's body to its
end, ``turbo-http`` does the same under this engine's limits and timeouts, ``turboapi`` and ``uvicorn``
(uvloop, httptools) serve `benchmarks.apps.plans`. Server on core 0, client on core 1 as in
`benchmarks.bridge_cost`. In every round all servers of a row are started, in another order than in the round
before, and take turns in slices (`benchmarks.slices`); the figure is the median of the rounds. Every server
is warmed up with at least `WARM_REQUESTS` requests and until they become no cheaper, so that sync handlers
have found their place. Results go to ``benchmarks/results`` unless ``--quick``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

from benchmarks.load import WARM_REQUESTS, warm_up
from benchmarks.machine import describe, record
from benchmarks.plan_report import render
from benchmarks.plan_rows import ROWS, Row
from benchmarks.servers import ROOT, SERVERS, Server, build, running
from benchmarks.slices import SLICE, Sample, take_turns

CONNECTIONS = 64
SLOW_SLICE = 2.0
"""Seconds of load on one server where requests are slow."""

HYPER = Server("hyper", (), ("{binaries}/turbo-constant", "--hyper", "127.0.0.1:{port}"), (), constant=True)
RIVALS = (HYPER, SERVERS["turbo-http"], SERVERS["turboapi"], SERVERS["uvicorn"])

Samples = dict[str, dict[str, list[Sample]]]


def measure(servers: Sequence[Server], row: Row, *, seconds: float) -> dict[str, Sample]:
    """One run of every server."""
    with contextlib.ExitStack() as stack:
        answer = stack.enter_context(tempfile.NamedTemporaryFile(prefix="answer-"))
        answer.write(row.request.expected)
        answer.flush()
        processes = {}
        for server in servers:
            extra = (answer.name, str(row.request.status)) if server.constant else ()
            process = stack.enter_context(running(server, row.request.app, extra=extra))
            warm_up(process, row.request, connections=CONNECTIONS)
            processes[server.name] = process, row.request
        slice_seconds = SLICE
        if row.pydantic:
            # A request takes up to two milliseconds, and many of them should be over before the next turn.
            seconds = slice_seconds = max(seconds, SLOW_SLICE)
        return take_turns(processes, connections=CONNECTIONS, seconds=seconds, slice_seconds=slice_seconds)


def tiers(rows: Sequence[Row]) -> dict[str, str]:
    """The tier of each row's route, as ``turboapi explain --json`` has it."""
    routes: dict[str, list[dict[str, Any]]] = {}
    for app in {row.request.app for row in rows}:
        command = [sys.executable, "-m", "turboapi", "explain", app, "--json"]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
        routes[app] = json.loads(done.stdout)["routes"]
    return {
        row.key: next(
            (
                route["tier"]
                for route in routes[row.request.app]
                if row.request.method in route["methods"]
                and re.fullmatch(
                    re.sub(r"\{[^}]*\}", "[^/]+", route["path"]), row.request.target.partition("?")[0]
                )
            ),
            "none",
        )
        for row in rows
    }


def pydantic_alone() -> dict[str, dict[str, float]]:
    """`benchmarks.pydantic_alone` in a process of its own on the servers' core."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.pydantic_alone"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {0}),
    )
    parts: dict[str, dict[str, float]] = json.loads(done.stdout)
    return parts


def _medians(samples: Sequence[dict[str, float]]) -> dict[str, float]:
    return {key: round(statistics.median(sample[key] for sample in samples), 2) for key in samples[0]}


def run(rows: Sequence[Row], *, rounds: int, seconds: float) -> dict[str, Any]:
    """All rounds; every single measurement is kept beside the medians."""
    build()
    samples: Samples = {row.key: {server.name: [] for server in RIVALS} for row in rows}
    alone: dict[str, list[dict[str, float]]] = {row.pydantic: [] for row in rows if row.pydantic}
    for number in range(rounds):
        turn = number % len(RIVALS)
        if alone:
            parts = pydantic_alone()
            for name, times in alone.items():
                times.append(parts[name])
        for row in rows:
            measured = measure(RIVALS[turn:] + RIVALS[:turn], row, seconds=seconds)
            for name, sample in measured.items():
                samples[row.key][name].append(sample)
                print(
                    f"round {number + 1}/{rounds}  {row.request.name:46} {name:10}"
                    f" {sample['cpu_us']:7.1f} us  {sample['requests_s']:8.0f}/s",
                    flush=True,
                )
    return {
        "machine": describe(),
        "servers": {
            server.name: {"versions": server.versions(), "command": server.command} for server in RIVALS
        },
        "method": {
            "rounds": rounds,
            "seconds": seconds,
            "slice_seconds": SLICE,
            "warm_up_requests": WARM_REQUESTS,
            "connections": CONNECTIONS,
        },
        "tiers": tiers(rows),
        "medians": {
            row: {server: _medians(all_) for server, all_ in by_server.items()}
            for row, by_server in samples.items()
        },
        "pydantic_alone": {name: _medians(measured) for name, measured in alone.items()},
        "samples": samples,
        "pydantic_alone_samples": alone,
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.plan_cost",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each single measurement")
    parser.add_argument("--rows", help="comma-separated keys: " + ", ".join(row.key for row in ROWS))
    parser.add_argument("--quick", action="store_true", help="one short round; writes nothing")
    options = parser.parse_args()
    wanted = options.rows.split(",") if options.rows else [row.key for row in ROWS]
    if unknown := set(wanted) - {row.key for row in ROWS}:
        parser.error(f"no such rows: {', '.join(sorted(unknown))}")
    for server in RIVALS:
        if package := server.missing():
            parser.error(f"{server.name}: {package} is not installed")
    rows = [row for row in ROWS if row.key in wanted]
    rounds, seconds = (1, 0.8) if options.quick else (options.rounds, options.seconds)
    result = run(rows, rounds=rounds, seconds=seconds)
    page = render(result, rows)
    print(page)
    # Part of the rows is not the table; it must not replace a whole one.
    if not options.quick and len(rows) == len(ROWS):
        record("plan_cost", result, page)


if __name__ == "__main__":
    main()
