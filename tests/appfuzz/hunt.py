"""Plays generated requests against generated apps and keeps what differs."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .apps import App, app
from .draw import Draw
from .duel import Difference, Duel
from .requests import Request, for_route, request

#: Requests between two comparisons of the journals; then new connections.
BATCH = 40
#: Valid requests that each route gets first, so that callables which may run inline do.
WARM_UP = 12


@dataclass(frozen=True)
class Finding:
    """One difference, with all that is needed to see it again."""

    app: App
    request: Request
    difference: Difference | None
    #: For a difference of the journals or of the log.
    note: str = ""

    @property
    def key(self) -> tuple[str, str, tuple[str, ...]]:
        """Findings with one key are shown once."""
        kinds = self.difference.kinds if self.difference else (self.note.partition(":")[0],)
        return self.app.title, self.request.route, kinds


@dataclass
class Tally:
    """What a run has done so far."""

    requests: int = 0
    apps: int = 0
    refused: int = 0
    findings: dict[tuple[str, str, tuple[str, ...]], list[Finding]] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    #: Requests by who answered them, as the engine counts them.
    tiers: Counter[str] = field(default_factory=Counter)
    #: Calls of `def` endpoints and dependencies that ran inline.
    inline: int = 0
    #: What dispatch functions did, by how many of them.
    dispatch: Counter[str] = field(default_factory=Counter)
    #: Apps with such functions, requests to these, and functions that the engine ran without a task group.
    dispatch_apps: int = 0
    dispatch_requests: int = 0
    substitutes: int = 0
    started: float = field(default_factory=time.monotonic)

    def add(self, finding: Finding) -> bool:
        """Keep a finding; whether it is the first of its kind."""
        known = self.findings.setdefault(finding.key, [])
        known.append(finding)
        return len(known) == 1

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / max(time.monotonic() - self.started, 0.001)


@contextmanager
def workspace(keep: bool) -> Iterator[Path]:
    """The directory of the generated modules."""
    directory = Path(tempfile.mkdtemp(prefix="appfuzz-"))
    try:
        yield directory
    finally:
        if not keep:
            shutil.rmtree(directory, ignore_errors=True)


def write(directory: Path, module: str, source: str) -> Path:
    """A module in the directory."""
    path = directory / f"{module}.py"
    path.write_text(source)
    return path


class Hunt:
    """A run over several apps; the servers of the next app start while one is played."""

    def __init__(self, seed: int, directory: Path, *, routes: int = 25) -> None:
        self.seed, self.directory, self.routes = seed, directory, routes
        self.tally = Tally()

    def _start(self, number: int) -> tuple[App, Duel]:
        made = app(f"{self.seed}/{number}", count=self.routes)
        module = f"app_{self.seed}_{number}"
        write(self.directory, module, made.render())
        duel = Duel(self.directory, module, made.options)
        duel.wait()
        return made, duel

    def run(self, numbers: list[int], requests: int) -> Iterator[Finding | Tally]:
        """Findings, the first of each kind only, and after each app the tally."""
        each = max(1, requests // len(numbers))
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(self._start, numbers[0])
            for place, number in enumerate(numbers):
                made, duel = coming.result()
                if place + 1 < len(numbers):
                    coming = ahead.submit(self._start, numbers[place + 1])
                try:
                    yield from (
                        finding for finding in self._play(made, duel, number, each) if self.tally.add(finding)
                    )
                except GeneratorExit:
                    coming.result()[1].stop()
                    raise
                finally:
                    duel.stop()
                    self.tally.statuses.update(duel.statuses)
                for line in duel.broken():
                    finding = Finding(made, Request("-", b"GET", b""), None, f"log: {line}")
                    if self.tally.add(finding):
                        yield finding
                self.tally.apps += 1
                yield self.tally

    def _play(self, made: App, duel: Duel, number: int, count: int) -> Iterator[Finding]:
        if duel.refused:
            self.tally.refused += 1
            if len(duel.refused) == 1:
                yield Finding(made, Request("-", b"GET", b""), None, f"start: {duel.refused[0]}")
            return
        draw = Draw(f"{self.seed}/{number}/requests")
        sent: dict[str, Request] = {}
        compared = 0
        before = self.tally.requests
        end = self.tally.requests + count
        for group in _groups(draw, _requests(draw, made, count)):
            start = len(sent)
            sent.update((str(start + place), one) for place, one in enumerate(group))
            for one, difference in _ask(draw, made, duel, group):
                self.tally.requests += 1
                if difference is not None:
                    yield Finding(made, one, difference)
            # Where both hang again and again, the app is no use.
            if self.tally.requests >= end or duel.statuses["no answer"] > 3:
                break
            if len(sent) - compared >= 2 * BATCH:
                # Not the newest: what runs after an answer is compared when it has had its time.
                yield from _journals(made, duel, sent, compared, compared + BATCH)
                compared += BATCH
                duel.leave()
        if sent:
            yield from _journals(made, duel, sent, compared, len(sent))
        self._count_dispatch(made, self.tally.requests - before)
        self._count_tiers(duel)

    def _count_dispatch(self, made: App, requests: int) -> None:
        functions = made.dispatch_functions
        if functions:
            self.tally.dispatch_apps += 1
            self.tally.dispatch_requests += requests
            self.tally.dispatch["functions"] += len(functions)
            self.tally.dispatch.update(feature for features in functions for feature in features)

    def _count_tiers(self, duel: Duel) -> None:
        status = duel.sides[1].status()
        if status is not None and "requests" in status:
            self.tally.tiers.update(status["requests"])
            self.tally.substitutes += status["substitutes"]
            self.tally.inline += sum(call.get("inline_calls", 0) for call in status["sync"])


def _requests(draw: Draw, made: App, count: int) -> Iterator[Request]:
    """Requests without end; of the first `count`, at most half warm the app up."""
    numbers = itertools.count()
    warm_up = [route for route in made.routes if route.sync] * WARM_UP
    for route in warm_up[: count // 2]:
        yield for_route(draw, route, next(numbers), valid=True)
    for number in numbers:
        yield request(draw, made, number)


def _groups(draw: Draw, requests: Iterator[Request]) -> Iterator[list[Request]]:
    """Requests in the groups that are sent together: mostly one."""
    for one in requests:
        size = draw.randint(2, 9) if draw.chance(0.02) else 1
        group = [one, *itertools.islice(requests, size - 1)]
        if any(b" /change?" in one.data for one in group):
            # What changes the app has to come at the same moment on both sides.
            yield from ([one] for one in group)
        else:
            yield group


def _ask(
    draw: Draw, made: App, duel: Duel, group: list[Request]
) -> Iterator[tuple[Request, Difference | None]]:
    if len(group) == 1:
        if b" /change?" in group[0].data:
            # On a connection that was just closed it would be sent twice, and change the app twice.
            duel.leave()
        for _ in range(group[0].repeat):
            yield group[0], duel.ask(group[0].data, group[0].method, group[0].cut)
            if made.has_context and group[0].method == b"HEAD":
                # The next request would be in one piece with what is left of this one.
                duel.leave()
        return
    pairs = [(one.data, one.method) for one in group]
    in_a_row = draw.chance(0.3) and not made.has_context
    answers = duel.ask_in_a_row(pairs) if in_a_row else duel.ask_together(pairs)
    yield from zip(group, answers, strict=False)


def _journals(made: App, duel: Duel, sent: dict[str, Request], first: int, last: int) -> Iterator[Finding]:
    requests = {key: sent[key] for key in map(str, range(first, last)) if key in sent}
    streams = [route.name for route in made.routes if "yield " in route.source]
    files = [route.name for route in made.routes if made.races_with_files and "FileResponse(" in route.source]
    different = duel.compare_journals(
        first,
        last,
        unordered={key for key, one in requests.items() if one.repeat > 1},
        # A generator runs beside the exits of dependencies.
        races=[*streams, *files, *made.tasks_beside_exits],
        threads=made.dispatch_tasks,
        # How far a stream gets that nobody reads is a race, and so is whether it ends or fails: of FastAPI's
        # events that a dispatch function throws away, one in forty ends with an ExceptionGroup on uvicorn.
        ignored={
            key
            for key, one in requests.items()
            if (streams and one.method == b"HEAD") or (made.leaves_bodies_unread and one.route in streams)
        },
    )
    for key, left, right in different:
        one = sent.get(key, Request("-", b"GET", b""))
        yield Finding(made, one, None, f"journal: reference {left}, engine {right}")
