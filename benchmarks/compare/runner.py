"""A whole run: rounds in which all servers of each application take turns, saved after each."""

from __future__ import annotations

import contextlib
import json
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.compare.contender import Contender
from benchmarks.compare.crew import CLIENT_CORE, Site
from benchmarks.compare.database import Database, database
from benchmarks.compare.environments import Unavailable, python_of, versions_of
from benchmarks.compare.groups import groups
from benchmarks.compare.measure import Sample, Samples, carry_out
from benchmarks.compare.schedule import REHEARSAL, WARM_SHARE, Progress, seconds_for
from benchmarks.compare.workload import Workload
from benchmarks.compare.workloads.arena import write_static
from benchmarks.machine import describe
from benchmarks.servers import build

KIND = "compare"
NEEDS_DATABASE = ("techempower", "arena")


@dataclass(frozen=True)
class Settings:
    """How much is measured."""

    rounds: int
    minutes: float
    path: Path
    """The result file, written after every round."""


def run(contenders: Sequence[Contender], workloads: Sequence[Workload], settings: Settings) -> dict[str, Any]:
    """All rounds; the result is also in ``settings.path``, after each round."""
    build()
    with contextlib.ExitStack() as stack:
        pythons, versions, absent = _prepare(contenders)
        present = [contender for contender in contenders if contender.name not in absent]
        cluster: Database | None = None
        if any(group.suite in NEEDS_DATABASE for group in groups(present, workloads)):
            try:
                cluster = stack.enter_context(database({CLIENT_CORE}))
            except FileNotFoundError as error:
                print(f"no database, so none of its workloads: {error}", flush=True)
                workloads = [each for each in workloads if each.suite not in NEEDS_DATABASE]
        planned = groups(present, workloads)
        measurements = sum(group.pairs() for group in planned)
        processes = sum(len(group.contenders) for group in planned)
        seconds = seconds_for(
            settings.minutes * 60, rounds=settings.rounds, measurements=measurements, processes=processes
        )
        print(
            f"{settings.rounds} rounds of {measurements} measurements of {seconds:.2f} s"
            f" in {processes} server processes",
            flush=True,
        )
        static = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="turboapi-static-")))
        write_static(static)
        environment = {"STATIC_DIRECTORY": str(static)}
        if cluster is not None:
            environment["DATABASE_URL"] = cluster.url
        site, progress = Site(pythons, environment), Progress(measurements * settings.rounds)
        result = _frame(contenders, workloads, settings, seconds, versions, absent)
        if cluster is not None:
            result["machine"]["postgresql"] = cluster.version
        for number in range(settings.rounds):
            for group in planned:
                if cluster is not None and group.suite in NEEDS_DATABASE:
                    cluster.reset()
                order = _turned(group.contenders, number, settings.rounds)
                samples, facts = carry_out(
                    group, order, site, seconds=seconds, progress=progress, cluster=cluster
                )
                _keep(result, samples, facts)
            result["rounds_done"] = number + 1
            settings.path.parent.mkdir(parents=True, exist_ok=True)
            settings.path.write_text(json.dumps(result, indent=1) + "\n")
            print(f"round {number + 1} of {settings.rounds} is in {settings.path}", flush=True)
        return result


def _prepare(
    contenders: Sequence[Contender],
) -> tuple[dict[str, Path], dict[str, dict[str, str]], dict[str, str]]:
    """The interpreters, the versions, and why some cannot take part."""
    pythons, versions, absent = {}, {}, {}
    for contender in contenders:
        try:
            pythons[contender.name] = python_of(contender)
            versions[contender.name] = versions_of(contender, pythons[contender.name])
        except Unavailable as reason:
            absent[contender.name] = str(reason)
            print(f"{contender.name} cannot take part: {reason}", flush=True)
    return pythons, versions, absent


def _frame(
    contenders: Sequence[Contender],
    workloads: Sequence[Workload],
    settings: Settings,
    seconds: float,
    versions: dict[str, dict[str, str]],
    absent: dict[str, str],
) -> dict[str, Any]:
    """A result without samples."""
    facts: dict[str, Any] = dict(describe())
    facts["gil"] = bool(getattr(sys, "_is_gil_enabled", lambda: True)())
    facts["free-threaded build"] = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    kept = ("title", "group", "rank", "command", "workers", "without", "requirements")
    return {
        "kind": KIND,
        "machine": facts,
        "method": {
            "rounds": settings.rounds,
            "seconds": round(seconds, 3),
            "rehearsal_seconds": REHEARSAL,
            "warm_up_share": WARM_SHARE,
        },
        "rounds_done": 0,
        "contenders": {
            contender.name: {key: value for key, value in asdict(contender).items() if key in kept}
            | {"versions": versions.get(contender.name, {}), "absent": absent.get(contender.name)}
            for contender in contenders
        },
        "workloads": {workload.name: workload.describe() for workload in workloads},
        "samples": {contender.name: {} for contender in contenders},
        "processes": {contender.name: [] for contender in contenders},
    }


def _turned(contenders: Sequence[Contender], number: int, rounds: int) -> list[Contender]:
    """Another order in every round."""
    start = number * len(contenders) // rounds
    return [*contenders[start:], *contenders[:start]]


def _keep(result: dict[str, Any], samples: Samples, facts: dict[str, Sample]) -> None:
    for name, found in samples.items():
        for workload, sample in found.items():
            result["samples"][name].setdefault(workload, []).append(_rounded(sample))
    for name, sample in facts.items():
        result["processes"][name].append(_rounded(sample))


def _rounded(sample: Sample) -> Sample:
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in sample.items()}
