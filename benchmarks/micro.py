"""All microbenchmarks in one report: the criterion benches of the crates, and the parts that need Python.

    python -m benchmarks.micro [--quick]

Everything runs on core 0, one thing after the other: the benches of `crates/turbo-bench` (a release build),
then `benchmarks.json_encoding`, `benchmarks.request_parts` and `benchmarks.plan_alone` in this process. The
report goes to ``benchmarks/results``, unless ``--quick``, which takes seconds, prints it and says little.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import turboapi._engine
from benchmarks import json_encoding, plan_alone, request_parts
from benchmarks.instruction_counts import Tree, working_tree
from benchmarks.machine import ROOT, describe, record
from benchmarks.micro_report import render
from benchmarks.timing import Estimate, Table

FULL = ("--warm-up-time", "0.3", "--measurement-time", "1", "--nresamples", "5000")
SHORT = (
    "--warm-up-time",
    "0.01",
    "--measurement-time",
    "0.02",
    "--nresamples",
    "1000",
    "--sample-size",
    "10",
)


def criterion(tree: Tree, *, quick: bool) -> dict[str, dict[str, Any]]:
    """Estimates of every case by its full id, in the order in which they ran."""
    executables = tree.benches(())
    results: dict[str, dict[str, Any]] = {}
    for name, executable in sorted(executables.items()):
        with tempfile.TemporaryDirectory() as home:
            print(f"bench {name} ...", flush=True)
            done = subprocess.run(
                [str(executable), "--bench", "--quiet", "--noplot", *(SHORT if quick else FULL)],
                cwd=ROOT / "crates" / "turbo-bench",
                env=os.environ | {"CRITERION_HOME": home},
                preexec_fn=_pin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            if done.returncode:
                raise RuntimeError(f"{name} failed:\n{done.stdout[-4000:]}")
            found = sorted(Path(home).rglob("new/benchmark.json"), key=lambda path: path.stat().st_mtime_ns)
            if not found:
                raise RuntimeError(f"{name} left no estimates")
            results |= {case["id"]: case for case in map(_case, found)}
    return results


def _case(described: Path) -> dict[str, Any]:
    case = json.loads(described.read_text())
    median = json.loads(described.with_name("estimates.json").read_text())["median"]
    interval = median["confidence_interval"]
    return {
        "id": case["full_id"],
        "group": case["group_id"],
        "function": case["function_id"],
        "size": case["value_str"],
        "ns": Estimate(median["point_estimate"], interval["lower_bound"], interval["upper_bound"]),
        "confidence": interval["confidence_level"],
    }


def _pin() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def in_python(*, quick: bool) -> dict[str, Table]:
    """The tables of the Python side, by title."""
    parts: dict[str, Callable[[], Table]] = {
        "JSON encoding": lambda: json_encoding.encoding(quick=quick),
        "Response building": lambda: json_encoding.building(quick=quick),
        "JSON decoding": lambda: request_parts.decoding(quick=quick),
        "JSON bodies to models": lambda: request_parts.models(quick=quick),
        "Parameter extraction": lambda: request_parts.parameters(quick=quick),
        "A whole plan": lambda: _named(plan_alone.run(quick=quick)),
    }
    tables = {}
    for title, part in parts.items():
        print(f"{title} ...", flush=True)
        tables[title] = part()
    return tables


def _named(table: Table) -> Table:
    names = {row.key: row.request.name for row in plan_alone.ALONE}
    return {names[key]: row for key, row in table.items()}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.micro",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="short rounds, printed and not written")
    parser.add_argument("--profile", default="bench", help="cargo's profile for the benches")
    options = parser.parse_args()
    if turboapi._engine.build_profile == "debug":
        parser.error("the engine is a debug build; its times mean nothing")
    tree = working_tree(options.profile)
    tree.benches(())
    start = time.monotonic()
    cases = criterion(tree, quick=options.quick)
    _pin()
    tables = in_python(quick=options.quick)
    result = {
        "machine": describe(),
        "profile": options.profile,
        "criterion_options": SHORT if options.quick else FULL,
        "versions": {package: _version(package) for package in ("pydantic-core", "orjson")},
        "criterion": cases,
        "python": {
            title: {case: {name: one._asdict() for name, one in row.items()} for case, row in table.items()}
            for title, table in tables.items()
        },
        "seconds": round(time.monotonic() - start),
    }
    for case in result["criterion"].values():
        case["ns"] = case["ns"]._asdict()
    page = render(result)
    if options.quick:
        print(page)
    else:
        record("micro", result, page)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    main()
