"""Runs cases on two servers and judges what differs; used by pytest and by `python -m tests.differential`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .harness.case import Case
from .harness.compare import Difference, compare
from .harness.expectations import Expectation, access_log_may_differ, judge
from .harness.servers import Server
from .harness.transcript import Note, Transcript, run

REFERENCE = os.environ.get("TURBOAPI_DIFF_REFERENCE", "uvicorn")
ENGINE = os.environ.get("TURBOAPI_DIFF_SERVER", "turboapi")


@dataclass
class Outcome:
    """The result of one case. `problem` is None when everything is as documented."""

    case: Case
    reference: Transcript
    engine: Transcript
    differences: list[Difference]
    problem: str | None


class Pair:
    """The servers of both kinds, one process for each app, started together."""

    def __init__(self, reference: str, engine: str, apps: Iterable[str]) -> None:
        names = sorted(set(apps))
        self.outcomes: list[Outcome] = []
        self._servers = {
            (kind, app): Server(role, app) for app in names for kind, role in enumerate((reference, engine))
        }

    def wait(self) -> None:
        """Until each server answers."""
        for server in self._servers.values():
            server.wait()

    def play(self, case: Case, entries: list[Expectation]) -> Outcome:
        """Run one case on both."""
        reference, engine = (run(case, self._servers[kind, case.app]) for kind in (0, 1))
        differences = compare(reference, engine)
        problem = judge(case.id, differences, engine, entries)
        hung = [
            event
            for event in reference.events
            if isinstance(event, Note) and event.kind in ("hung", "refused")
        ]
        if hung:
            problem = f"the reference itself failed this case: {hung}"
        outcome = Outcome(case, reference, engine, differences, problem)
        self.outcomes.append(outcome)
        return outcome

    def stop(self) -> None:
        """Stop all servers."""
        for server in self._servers.values():
            server.stop()

    def compare_access_logs(self, entries: list[Expectation]) -> list[str]:
        """Stop all; report cases equal on the wire whose access logs differ, or should differ and do not."""
        logs = {key: "".join(server.stop()).splitlines() for key, server in self._servers.items()}
        problems = []
        # The port names the connection; one that the kernel gave out twice names none.
        uses = Counter(
            (kind, outcome.case.app, port)
            for outcome in self.outcomes
            for kind, port in enumerate((outcome.reference.client_port, outcome.engine.client_port))
        )
        for outcome in self.outcomes:
            app, ports = outcome.case.app, (outcome.reference.client_port, outcome.engine.client_port)
            unique = all(port and uses[kind, app, port] == 1 for kind, port in enumerate(ports))
            if not outcome.differences and unique:
                reference = outcome.reference.access_lines(logs[0, app])
                engine = outcome.engine.access_lines(logs[1, app])
                if (reference != engine) != access_log_may_differ(outcome.case.id, entries):
                    problems.append(
                        f"{outcome.case.id}: access log\n  reference: {reference}\n  engine:    {engine}"
                    )
        return problems


@contextmanager
def pair(reference: str, engine: str, apps: Iterable[str]) -> Iterator[Pair]:
    """Both servers of all apps, running."""
    running = Pair(reference, engine, apps)
    try:
        running.wait()
        yield running
    finally:
        running.stop()
