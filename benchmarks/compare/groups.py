"""Which servers run at the same time, and what they are asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.compare.contender import Contender
from benchmarks.compare.workload import MOST_CONNECTIONS, Workload

SHARED_CORES = "workers"
"""The table whose servers share all cores with the client."""


@dataclass(frozen=True)
class Group:
    """Workloads of one application, and everybody who takes part in one of them."""

    suite: str
    workers: int
    shares_cores: bool
    workloads: tuple[Workload, ...]
    contenders: tuple[Contender, ...]

    @property
    def shows_memory(self) -> bool:
        """Start-up and memory are told of these processes."""
        return self.suite == "basic" and not self.shares_cores

    def pairs(self) -> int:
        """How many measurements there are."""
        return sum(takes_part(each, workload) for workload in self.workloads for each in self.contenders)


def groups(contenders: Sequence[Contender], workloads: Sequence[Workload]) -> list[Group]:
    """What there is to do in a round."""
    keys = dict.fromkeys((each.suite, each.workers, each.table == SHARED_CORES) for each in workloads)
    found = []
    for suite, workers, shared in keys:
        asked = tuple(
            each
            for each in workloads
            if (each.suite, each.workers, each.table == SHARED_CORES) == (suite, workers, shared)
        )
        present = tuple(who for who in contenders if any(takes_part(who, each) for each in asked))
        if present:
            found.append(Group(suite, workers, shared, asked, present))
    return found


def takes_part(contender: Contender, workload: Workload) -> bool:
    """The contender has the application and the options that the workload needs."""
    base = workload.name.split("@")[0].split("~")[0].split("*")[0]
    if contender.only and base not in contender.only:
        return False
    # What is there to compare servers under one application is not asked of other frameworks.
    if contender.group != "FastAPI" and (
        workload.table in ("drivers", SHARED_CORES)
        or (workload.table == "connections" and workload.connections != MOST_CONNECTIONS)
    ):
        return False
    return (
        workload.suite in contender.suites
        and not {base, workload.name} & contender.without.keys()
        and (workload.table != SHARED_CORES or bool(contender.workers))
    )
