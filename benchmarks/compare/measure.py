"""One measurement, and all measurements of one server process."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.compare import memory
from benchmarks.compare.contender import SHARED, Contender
from benchmarks.compare.schedule import WARM_SHARE, Progress
from benchmarks.compare.workload import MOST_CONNECTIONS, Workload
from benchmarks.load import run_plan
from benchmarks.servers import BINARIES, Running, free_port, serving

SERVER_CORE, CLIENT_CORE = 0, 1
FIRST_WARM_SECONDS = 1.0
PATIENCE_SECONDS = 3.0
"""For a server to end before it is killed; some wait for their idle connections much longer."""
LONG_SECONDS = 4.0
"""For workloads of which a server manages less than one in the usual time."""
READY = {"basic": "/json", "techempower": "/json", "stack": "/stack", "arena": "/pipeline"}
"""What is asked first, to see that a server answers."""
LOADED_AFTER = "orders"
"""The workload after which memory under load is read."""

Sample = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """Some workloads on one process of a contender."""

    contender: Contender
    suite: str
    workers: int
    workloads: tuple[Workload, ...]


@dataclass(frozen=True)
class Site:
    """Where tasks are carried out."""

    pythons: dict[str, Path]
    environment: dict[str, str]
    seconds: float
    progress: Progress
    with_memory: bool = True


def tasks(contenders: Sequence[Contender], workloads: Sequence[Workload]) -> list[Task]:
    """What there is to do in a round: a process for each suite and number of workers."""
    found = []
    for contender in contenders:
        groups: dict[tuple[str, int], list[Workload]] = {}
        for workload in workloads:
            if takes_part(contender, workload):
                groups.setdefault((workload.suite, workload.workers), []).append(workload)
        # One worker that shares its core with the client is not the process that has a core of its own.
        for (suite, workers), group in groups.items():
            shared = tuple(each for each in group if each.table == "workers")
            alone = tuple(each for each in group if each.table != "workers")
            found += [Task(contender, suite, workers, part) for part in (alone, shared) if part]
    return found


def takes_part(contender: Contender, workload: Workload) -> bool:
    """The contender has the application and the options that the workload needs."""
    base = workload.name.split("@")[0].split("~")[0].split("*")[0]
    if contender.only and base not in contender.only:
        return False
    # What is there to compare servers under one application is not asked of other frameworks.
    if contender.group != "FastAPI" and (
        workload.table in ("drivers", "workers")
        or (workload.table == "connections" and workload.connections != MOST_CONNECTIONS)
    ):
        return False
    return (
        workload.suite in contender.suites
        and not {base, workload.name} & contender.without.keys()
        and (workload.table != "workers" or bool(contender.workers))
    )


def carry_out(task: Task, site: Site) -> tuple[dict[str, Sample], Sample]:
    """Starts the server and measures it: a sample for each workload, and one of the process.

    What goes wrong is in the sample as ``error``.
    """
    samples: dict[str, Sample] = {}
    process_sample: Sample = {}
    port = free_port()
    started = time.perf_counter()
    cores = {SERVER_CORE} if task.workloads[0].table != "workers" else {SERVER_CORE, CLIENT_CORE}
    try:
        with serving(
            task.contender.name,
            _command(task, site, port),
            port,
            cores=cores,
            cwd=task.contender.folder(),
            env=_environment(task, site, port),
            patience=PATIENCE_SECONDS,
        ) as process:
            memory.ask(port, READY[task.suite])
            process_sample["startup_s"] = time.perf_counter() - started
            _measure_all(task, site, process, samples, process_sample)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        for workload in task.workloads:
            if workload.name not in samples:
                samples[workload.name] = {"error": str(error)[-600:]}
                site.progress.step(f"{task.contender.name} {workload.name}", f"FAILED: {str(error)[-600:]}")
    return samples, process_sample


def _measure_all(
    task: Task, site: Site, process: Running, samples: dict[str, Sample], process_sample: Sample
) -> None:
    # Memory is told of the process that has the basic workloads.
    watched = site.with_memory and task.suite == "basic" and task.workloads[0].table != "workers"
    if watched:
        process_sample["idle_bytes"] = process.pss()
    for number, workload in enumerate(task.workloads):
        if number == 0:
            measure(process, workload, seconds=0.1, warm=FIRST_WARM_SECONDS)
            if watched:
                process_sample |= _idle_connections(process)
        sample = measure(process, workload, seconds=site.seconds, warm=site.seconds * WARM_SHARE)
        if sample["requests"] == 0 and not sample["errors"]:
            # Too slow for the time: not one answer, and none wrong.
            sample = measure(process, workload, seconds=LONG_SECONDS, warm=0)
        samples[workload.name] = sample
        site.progress.step(f"{task.contender.name} {workload.name}", outcome(sample))
        if watched and workload.name == LOADED_AFTER:
            process_sample["loaded_bytes"] = process.pss()
    if watched:
        process_sample["peak_bytes"] = memory.peak(process)


def _idle_connections(process: Running) -> Sample:
    try:
        return {"connection_bytes": memory.per_idle_connection(process)}
    except (OSError, RuntimeError) as error:
        return {"idle_error": str(error)}


def measure(process: Running, workload: Workload, *, seconds: float, warm: float) -> Sample:
    """CPU time a unit, units a second and latency, under the load of one client process."""
    watch = process.tree()
    plan = workload.plan(process.port, seconds=seconds, warm=warm, watch=watch)
    try:
        result = run_plan(plan, core=None if workload.workers > 1 else CLIENT_CORE)
    except subprocess.SubprocessError as error:
        return {"requests": 0, "errors": 1, "error": f"the client failed: {error}"}
    return to_sample(result, workload.weight)


def to_sample(result: dict[str, Any], weight: int) -> Sample:
    """A sample of what ``turbo-load`` says."""
    units = result["requests"] * weight
    sample: Sample = {
        "requests": result["requests"],
        "errors": result["wrong"] + result["failed"],
        "unsent": result["unsent"],
        "server_cpus": result["cpu_seconds"] / result["seconds"],
    }
    if sample["errors"] or not units:
        sample["error"] = (
            f"wrong {result['wrong']}, broken {result['failed']}: {result['first_wrong']!r:.300}"
        )
    if units:
        sample |= {
            "cpu_us": result["cpu_seconds"] / units * 1e6,
            "requests_s": units / result["seconds"],
            "received": result["received"] / result["requests"],
            **{f"p{name.replace('.', '')}_us": result["latency_us"][name] for name in ("50", "99", "99.9")},
        }
    return sample


def outcome(sample: Sample) -> str:
    """A sample in a line."""
    if "error" in sample:
        return f"FAILED: {sample['error']}"
    return (
        f"{sample['cpu_us']:9.1f} us CPU {sample['requests_s']:9.0f}/s"
        f"  p50 {sample['p50_us'] / 1000:.2f} p99 {sample['p99_us'] / 1000:.2f} ms"
    )


def _places(task: Task, site: Site, port: int) -> dict[str, str]:
    python = site.pythons.get(task.contender.name, Path(sys.executable))
    return {
        "python": str(python),
        "bin": str(python.parent),
        "binaries": str(BINARIES.resolve()),
        "module": task.suite,
        "port": str(port),
        "workers": str(task.workers),
    }


def _command(task: Task, site: Site, port: int) -> list[str]:
    parts = (*task.contender.command, *(task.contender.workers if task.workers > 1 else ()))
    return [part.format(**_places(task, site, port)) for part in parts]


def _environment(task: Task, site: Site, port: int) -> dict[str, str]:
    places = _places(task, site, port)
    own = {name: value.format(**places) for name, value in task.contender.env.items()}
    return {"PYTHONPATH": str(SHARED), "PYTHONDONTWRITEBYTECODE": "", **site.environment, **own}
