"""What is asked of every contender."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.load import encode, plan_server, text

CONNECTIONS = 50
MOST_CONNECTIONS = 500
SLICE = 0.05
"""Seconds of load on one server before the next one has its turn."""
LONG_SLICE, LONGEST_SLICE = 0.1, 0.25
"""The same where fifty answers take ten milliseconds and more, and where one does."""
QUICK_RATE = 4_000
"""The rate that is part of the quick run."""
Case = dict[str, Any]


@dataclass(frozen=True)
class Workload:
    """Requests, the answers that are right, and how the requests are sent."""

    name: str
    title: str
    table: str
    """The table in which it is a row."""
    suite: str
    """The module of the application that it needs."""
    cases: Callable[[], list[Case]]
    connections: int = CONNECTIONS
    options: tuple[tuple[str, Any], ...] = ()
    """Further fields of the plan of ``turbo-load``."""
    weight: int = 1
    """Units of work in an answer; CPU time and throughput are given for a unit."""
    unit: str = "request"
    slice_seconds: float = SLICE
    """A turn's length: long enough for every connection to be answered several times."""
    shares_core: bool = False
    """Something else works on the client's core: the client waits in the kernel."""
    workers: int = 1
    quick: bool = False
    """Part of the quick run."""

    @property
    def ends_by_itself(self) -> bool:
        """It takes as long as its answers take."""
        return "each" in dict(self.options)

    def turns(self, seconds: float) -> int:
        """In how many turns so many seconds are measured; an open loop has to be seen at a stretch."""
        if self.ends_by_itself or "rate" in dict(self.options):
            return 1
        return max(round(seconds / self.slice_seconds), 1)

    def plan(self, servers: Sequence[tuple[int, Sequence[int]]], *, seconds: float, warm: float) -> Case:
        """The plan of ``turbo-load`` for servers: the port of each, and its processes."""
        options = dict(self.options)
        turns = self.turns(seconds)
        if self.ends_by_itself:
            seconds = 20.0
        return {
            "servers": [plan_server(port, watch) for port, watch in servers],
            "turns": turns,
            "connections": self.connections,
            "seconds": seconds,
            "warm": warm,
            "sleep": self.shares_core,
            "cases": self.cases(),
            **options,
        }

    def describe(self) -> dict[str, Any]:
        """For the result file."""
        return {
            "title": self.title,
            "table": self.table,
            "connections": self.connections,
            "workers": self.workers,
            "unit": self.unit,
            "slice_seconds": self.slice_seconds,
            "options": dict(self.options),
        }

    def at(self, connections: int) -> Workload:
        """The same with more connections."""
        return replace(
            self,
            name=f"{self.name}@{connections}",
            title=f"{self.title}, {connections} connections",
            table="connections",
            connections=connections,
            slice_seconds=LONG_SLICE,
            quick=False,
        )

    def at_rate(self, rate: int) -> Workload:
        """The same in an open loop with so many requests a second."""
        return replace(
            self,
            name=f"{self.name}~{rate}",
            title=f"{self.title}, {rate:,}/s",
            table="rates",
            quick=rate == QUICK_RATE,
            options=(*self.options, ("rate", rate)),
        )

    def with_workers(self, workers: int) -> Workload:
        """The same on so many worker processes, which share all cores with the client."""
        return replace(
            self,
            name=f"{self.name}*{workers}",
            title=f"{self.title}, {workers} worker{'s' if workers > 1 else ''}",
            table="workers",
            workers=workers,
            quick=False,
            shares_core=True,
        )


def case(
    method: str,
    target: str,
    body: bytes = b"",
    *,
    exact: bytes | None = None,
    right: Sequence[Any] = (),
    check: dict[str, Any] | None = None,
    status: int = 200,
    gzip: bool = False,
    headers: Sequence[str] = (),
    content_type: str = "application/json",
) -> Case:
    """A request and what is right: bytes, or one of some JSON values, or another check of ``turbo-load``."""
    if check is None:
        check = {"json": list(right)} if exact is None else {"exact": text(exact)}
    request = encode(method, target, body, headers=headers, content_type=content_type)
    return {"request": text(request), "status": status, "gzip": gzip, "check": check}


def json_body(value: Any) -> bytes:
    """A request's body."""
    return json.dumps(value).encode()
