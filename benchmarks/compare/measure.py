"""The measurements of a group: for each workload all of its servers take turns."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.compare import memory
from benchmarks.compare.contender import Contender
from benchmarks.compare.crew import CLIENT_CORE, Crew, Site, started
from benchmarks.compare.database import Database
from benchmarks.compare.groups import Group, takes_part
from benchmarks.compare.schedule import REHEARSAL, WARM_SHARE, Progress
from benchmarks.compare.workload import Workload
from benchmarks.load import run_plan
from benchmarks.servers import Running

FIRST_WARM_SECONDS = 1.0
LONG_SECONDS = 4.0
"""For servers that manage less than one answer in the usual time."""
LOADED_AFTER = "orders"
"""The workload after which memory under load is read."""
WRITES = "updates"
"""The workload whose effect on the database is looked at."""

Sample = dict[str, Any]
Samples = dict[str, dict[str, Sample]]
"""By contender and workload."""


def carry_out(
    group: Group,
    order: Sequence[Contender],
    site: Site,
    *,
    seconds: float,
    progress: Progress,
    cluster: Database | None = None,
) -> tuple[Samples, dict[str, Sample]]:
    """Starts all servers and measures them: samples, and what their processes took.

    What goes wrong is in the samples as ``error``.
    """
    samples: Samples = {contender.name: {} for contender in order}
    with started(group, order, site) as crew:
        if group.shows_memory:
            for name, process in crew.running.items():
                crew.facts[name] |= _idle_connections(process)
        _warm_up(group, crew)
        for workload in group.workloads:
            present = [each.name for each in order if takes_part(each, workload)]
            running = {name: crew.running[name] for name in present if name in crew.running}
            for name, sample in _measure(workload, running, seconds, cluster).items():
                samples[name][workload.name] = sample
            for name in present:
                sample = samples[name].setdefault(
                    workload.name, {"error": crew.failed.get(name, "not measured")}
                )
                progress.step(f"{name} {workload.name}", outcome(sample))
            if group.shows_memory and workload.name == LOADED_AFTER:
                for name, process in crew.running.items():
                    crew.facts[name]["loaded_bytes"] = process.pss()
        if group.shows_memory:
            for name, process in crew.running.items():
                crew.facts[name]["peak_bytes"] = memory.peak(process)
    return samples, crew.facts if group.shows_memory else {}


def _warm_up(group: Group, crew: Crew) -> None:
    for contender in group.contenders:
        process = crew.running.get(contender.name)
        first = next((each for each in group.workloads if takes_part(contender, each)), None)
        if process is not None and first is not None:
            measure(first, {contender.name: process}, seconds=0.1, warm=FIRST_WARM_SECONDS)


def _measure(
    workload: Workload, running: Mapping[str, Running], seconds: float, cluster: Database | None
) -> dict[str, Sample]:
    unwritten = _rehearse(workload, running, cluster)
    found = measure(workload, running, seconds=seconds, warm=seconds / workload.turns(seconds) * WARM_SHARE)
    for name, sample in found.items():
        if sample["requests"] == 0 and not sample["errors"]:
            # Too slow for the time: not one answer, and none wrong.
            found |= measure(workload, {name: running[name]}, seconds=LONG_SECONDS, warm=0)
        if name in unwritten:
            found[name]["error"] = "the updates are not in the database"
    return found


def _rehearse(workload: Workload, running: Mapping[str, Running], cluster: Database | None) -> list[str]:
    """Puts the load on every server once; returns those that say they have written and have not."""
    if workload.ends_by_itself:
        return []
    if cluster is None or workload.name != WRITES:
        measure(workload, running, seconds=0.01, warm=REHEARSAL)
        return []
    unwritten = []
    for name, process in running.items():
        cluster.restore_worlds()
        measure(workload, {name: process}, seconds=0.01, warm=REHEARSAL)
        if not cluster.changed_worlds():
            unwritten.append(name)
    return unwritten


def _idle_connections(process: Running) -> Sample:
    try:
        return {"connection_bytes": memory.per_idle_connection(process)}
    except (OSError, RuntimeError) as error:
        return {"idle_error": str(error)}


def measure(
    workload: Workload, running: Mapping[str, Running], *, seconds: float, warm: float
) -> dict[str, Sample]:
    """CPU time a unit, units a second and latency of each server, under the load of one client process."""
    servers = [(process.port, process.tree()) for process in running.values()]
    if not servers:
        return {}
    plan = workload.plan(servers, seconds=seconds, warm=warm)
    try:
        results = run_plan(plan, core=None if workload.workers > 1 else CLIENT_CORE)
    except subprocess.SubprocessError as error:
        failed = {"requests": 0, "errors": 1, "error": f"the client failed: {error}"}
        return {name: dict(failed) for name in running}
    return {name: to_sample(result, workload.weight) for name, result in zip(running, results, strict=True)}


def to_sample(result: dict[str, Any], weight: int) -> Sample:
    """A sample of what ``turbo-load`` says of a server."""
    if "error" in result:
        return {"requests": 0, "errors": 1, "error": f"the server is gone: {result['error']}"}
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
            "turns_cpu_us": [
                round(seconds / (requests * weight) * 1e6, 3) if requests else None
                for requests, seconds in result["turns"]
            ],
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
