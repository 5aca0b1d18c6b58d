"""All workloads: what basic servers do, the six TechEmpower tests, HttpArena's HTTP/1 profiles."""

from __future__ import annotations

from benchmarks.compare.workload import Workload
from benchmarks.compare.workloads import arena, basic, techempower


def all_workloads() -> list[Workload]:
    """In the order in which a contender carries them out."""
    return [*basic.workloads(), *techempower.workloads(), *arena.workloads()]
