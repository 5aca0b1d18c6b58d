"""Several servers that take turns under load, in slices too short for the machine to change between them.

The clock of a shared machine jumps within seconds by a quarter. A ratio or a difference is worth something
only if both of its sides have seen the same, so all servers run, and one after the other gets its slice.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.load import Request, checked, plan_server, run_plan
from benchmarks.servers import Running

SLICE = 0.1
"""Seconds of load on one server before the next one has its turn."""
WARM_SHARE = 0.2
"""Of a slice, for the same load before it that does not count."""

Sample = dict[str, float]


def take_turns(
    servers: Mapping[str, tuple[Running, Request]],
    *,
    connections: int,
    seconds: float,
    slice_seconds: float = SLICE,
) -> dict[str, Sample]:
    """For each server microseconds of CPU a request, requests a second and latency percentiles.

    ``seconds`` is for each server, in slices long enough for all connections to be answered several times.
    """
    turns = max(round(seconds / slice_seconds), 1)
    plan = {
        "servers": [
            plan_server(process.port, process.tree(), cases=[request.case()])
            for process, request in servers.values()
        ],
        "turns": turns,
        "connections": connections,
        "seconds": seconds,
        "warm": seconds / turns * WARM_SHARE,
    }
    results = zip(servers.items(), run_plan(plan), strict=True)
    return {name: _sample(checked(request.name, result)) for (name, (_, request)), result in results}


def _sample(result: dict[str, float]) -> Sample:
    latency: dict[str, float] = result["latency_us"]  # type: ignore[assignment]
    return {
        "cpu_us": result["cpu_seconds"] / result["requests"] * 1e6,
        "requests_s": result["requests"] / result["seconds"],
        "p50_us": latency["50"],
        "p99_us": latency["99"],
    }
