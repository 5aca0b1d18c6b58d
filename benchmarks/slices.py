"""Several servers that take turns under load, in slices too short for the machine to change between them.

The clock of a shared machine jumps within seconds by a quarter. A ratio or a difference is worth something
only if both of its sides have seen the same, so all servers run, and one after the other gets its slice.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from benchmarks.load import Request, load
from benchmarks.servers import Running

SLICE = 0.1
"""Seconds of load on one server before the next one has its turn."""

Sample = dict[str, float]


def take_turns(
    servers: Mapping[str, tuple[Running, Request]],
    *,
    connections: int,
    seconds: float,
    slice_seconds: float = SLICE,
    between: Callable[[], None] | None = None,
) -> dict[str, Sample]:
    """For each server microseconds of CPU a request, requests a second and latency percentiles.

    ``seconds`` is for each server, in slices long enough for all connections to be answered several times;
    ``between`` is called after every round of slices.
    """
    slices = max(round(seconds / slice_seconds), 1)
    parts: dict[str, list[Sample]] = {name: [] for name in servers}
    for _ in range(slices):
        for name, (process, request) in servers.items():
            before = process.cpu_seconds()
            result = load(process.port, request, connections=connections, seconds=seconds / slices)
            parts[name].append(
                {
                    "cpu": process.cpu_seconds() - before,
                    "requests": result["requests"],
                    "seconds": result["seconds"],
                    "p50_us": result["latency_us"]["50"],
                    "p99_us": result["latency_us"]["99"],
                }
            )
        if between is not None:
            between()
    return {name: _sample(measured) for name, measured in parts.items()}


def _sample(parts: Sequence[Sample]) -> Sample:
    cpu, requests, seconds = (sum(part[key] for part in parts) for key in ("cpu", "requests", "seconds"))
    return {
        "cpu_us": cpu / requests * 1e6,
        "requests_s": requests / seconds,
        "p50_us": statistics.median(part["p50_us"] for part in parts),
        "p99_us": statistics.median(part["p99_us"] for part in parts),
    }
