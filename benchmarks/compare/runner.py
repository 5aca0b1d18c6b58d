"""A whole run: rounds in which every contender has its turn, saved after each."""

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
from benchmarks.compare.database import Database, database
from benchmarks.compare.environments import Unavailable, python_of, versions_of
from benchmarks.compare.measure import CLIENT_CORE, Site, Task, carry_out, tasks
from benchmarks.compare.schedule import WARM_SHARE, Progress, seconds_for
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
        if any(task.suite in NEEDS_DATABASE for task in tasks(present, workloads)):
            try:
                cluster = stack.enter_context(database({CLIENT_CORE}))
            except FileNotFoundError as error:
                print(f"no database, so none of its workloads: {error}", flush=True)
                workloads = [each for each in workloads if each.suite not in NEEDS_DATABASE]
        planned = tasks(present, workloads)
        measurements = sum(len(task.workloads) for task in planned)
        seconds = seconds_for(
            settings.minutes * 60,
            rounds=settings.rounds,
            measurements=measurements,
            processes=len(planned),
        )
        print(
            f"{settings.rounds} rounds of {measurements} measurements of {seconds:.2f} s"
            f" in {len(planned)} server processes",
            flush=True,
        )
        static = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="turboapi-static-")))
        write_static(static)
        environment = {"STATIC_DIRECTORY": str(static)}
        if cluster is not None:
            environment["DATABASE_URL"] = cluster.url
        site = Site(pythons, environment, seconds, Progress(measurements * settings.rounds))
        result = _frame(contenders, workloads, settings, seconds, versions, absent)
        if cluster is not None:
            result["machine"]["postgresql"] = cluster.version
        for number in range(settings.rounds):
            for task in _turned(planned, number, settings.rounds):
                if cluster is not None and task.suite in NEEDS_DATABASE:
                    cluster.reset()
                samples, process = carry_out(task, site)
                _check_updates(task, samples, cluster)
                _keep(result, task, samples, process)
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
            "warm_up_seconds": round(seconds * WARM_SHARE, 3),
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


def _turned(planned: list[Task], number: int, rounds: int) -> list[Task]:
    """Another order in every round, in which a contender's processes stay together."""
    names = list(dict.fromkeys(task.contender.name for task in planned))
    start = number * len(names) // rounds
    order = names[start:] + names[:start]
    return [task for name in order for task in planned if task.contender.name == name]


def _check_updates(task: Task, samples: dict[str, Any], cluster: Database | None) -> None:
    """Updates that were answered must be in the table."""
    sample = samples.get("updates")
    if cluster is not None and sample is not None and "error" not in sample and not cluster.changed_worlds():
        sample["error"] = "the updates are not in the database"
        print(f"{task.contender.name}: {sample['error']}", flush=True)


def _keep(result: dict[str, Any], task: Task, samples: dict[str, Any], process: dict[str, Any]) -> None:
    name = task.contender.name
    for workload, sample in samples.items():
        result["samples"][name].setdefault(workload, []).append(
            {key: round(value, 4) if isinstance(value, float) else value for key, value in sample.items()}
        )
    # Start-up is told of the process that has the basic workloads, as memory is.
    if task.suite == "basic" and task.workloads[0].table != "workers" and process:
        result["processes"][name].append(
            {key: round(value, 4) if isinstance(value, float) else value for key, value in process.items()}
        )
