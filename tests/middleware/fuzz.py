"""Plays generated requests against apps behind generated middleware."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from tests.appfuzz.draw import Draw
from tests.appfuzz.duel import Answer, Lane, differences
from tests.differential.harness.wire import Response
from tests.middleware.apps import make_app
from tests.middleware.layers import STOCK, Stack, alone, stack
from tests.middleware.requests import request
from tests.middleware.servers import bridge, engine, running, uvicorn_server
from turboapi.plans import status


@dataclass(frozen=True)
class Finding:
    """Two answers that differ."""

    number: int
    stack: Stack
    data: bytes
    kinds: tuple[str, ...]
    reference: str
    theirs: Answer
    ours: Answer

    def __str__(self) -> str:
        return (
            f"app {self.number}: {self.stack}\n{self.data!r}\n{self.kinds}\n"
            f"{self.reference:>7}: {_shown(self.theirs)}\n engine: {_shown(self.ours)}"
        )


@dataclass
class Tally:
    """What a run has done."""

    apps: int = 0
    requests: int = 0
    statuses: Counter[int | str] = field(default_factory=Counter)
    #: Requests by who answered them in the engine.
    tiers: Counter[str] = field(default_factory=Counter)

    def count(self, answer: Answer) -> None:
        """Count a request by its answer."""
        self.requests += 1
        self.statuses[answer if isinstance(answer, str) else answer.status] += 1


def play(seed: int, number: int, count: int, tally: Tally, spoiled: Stack | None = None) -> Iterator[Finding]:
    """The differences in `count` requests to the app `number` of a run; `spoiled` goes to the engine only."""
    draw = Draw(f"{seed}/{number}")
    made = alone(draw, STOCK[number // 4 % len(STOCK)]) if number % 4 == 0 else stack(draw)
    ours = make_app(spoiled or made)
    servers = {
        "uvicorn": uvicorn_server(make_app(made)),
        "bridge": bridge(make_app(made)),
        "engine": engine(ours),
    }
    with ExitStack() as stopping:
        sides = {name: Side(stopping.enter_context(running(server))) for name, server in servers.items()}
        for _ in range(count):
            data, method = request(draw)
            for side in sides.values():
                side.lane.send(data)
            answers = {name: side.read(method, data) for name, side in sides.items()}
            answer = answers.pop("engine")
            tally.count(answer)
            for name, theirs in answers.items():
                kinds = differences(theirs, answer)
                if kinds and not (name == "uvicorn" and is_of_the_transport(data, theirs, answer)):
                    yield Finding(number, made, data, kinds, name, theirs, answer)
            if b"HTTP/1.0" in data or b"Expect" in data:
                for side in sides.values():
                    side.lane.leave()
        for side in sides.values():
            side.lane.leave()
    tally.apps += 1
    counts = status(ours)
    if counts is not None:
        tally.tiers.update(counts["requests"])


class Side:
    """The connection to a server."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.lane, self._port = Lane(address), address[1]

    def read(self, method: bytes, data: bytes) -> Answer:
        """The next answer, which is to `data`, without what differs from server to server."""
        answer = _without_port(self.lane.read(method), self._port)
        return _without_close(answer) if b"\nExpect:" in data else answer


def is_of_the_transport(data: bytes, theirs: Answer, ours: Answer) -> bool:
    """Whether uvicorn reads or writes such bytes differently, which the differential table has rows for."""
    if b" HTTP/1.0\r\n" in data or b"\nHost:" not in data or re.search(rb"\nExpect:|[ \t]\r\n", data):
        return True
    if isinstance(theirs, str) and not isinstance(ours, str) and ours.status in (204, 304):
        # uvicorn writes the body that Starlette's gzip makes of nothing.
        return theirs.startswith("more than an answer")
    return any(
        not isinstance(answer, str) and answer.body == b"Invalid HTTP request received."
        for answer in (theirs, ours)
    )


def _without_port(answer: Answer, port: int) -> Answer:
    """Without the port of the server, which a redirect names if the host of the request is invalid."""
    if not isinstance(answer, str):
        answer.headers = [
            (name, value.replace(b":%d" % port, b":PORT") if name == b"location" else value)
            for name, value in answer.headers
        ]
    return answer


def _without_close(answer: Answer) -> Answer:
    """Without the word that the connection ends behind a body that the client held back and nobody read.

    It ends in any case; the head can say so if the response is complete before the head is on its way.
    """
    if not isinstance(answer, str):
        answer.headers = [pair for pair in answer.headers if pair != (b"connection", b"close")]
    return answer


def _shown(answer: Answer) -> str:
    if not isinstance(answer, Response):
        return answer
    return f"{answer.status_line!r} {answer.headers} {answer.body[:200]!r} ({answer.framing})"
