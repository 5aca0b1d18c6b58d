"""The two servers of one module, and what they answer to the same bytes."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from tests.differential.harness.servers import AppSpec, Server
from tests.differential.harness.wire import Closed, Connection, Hung, Malformed, Response

REFERENCE = os.environ.get("TURBOAPI_DIFF_REFERENCE", "uvicorn")
ENGINE = os.environ.get("TURBOAPI_DIFF_SERVER", "turboapi")
#: The names of the servers of a duel, in order.
SIDES = (REFERENCE, ENGINE)
#: An idle side waits for the other one: neither may close meanwhile.
OPTIONS = ("--no-access-log", "--timeout-keep-alive", "120")
#: Seconds a server has for one answer on a busy machine.
PATIENCE = 15.0
#: Times the journals are read before they count as different: background tasks end after the answer.
READINGS = 1500
#: What a server must not have in its log, whatever a client sends.
BROKEN = re.compile(
    r"panicked|SystemError|Fatal Python error|Exception ignored|unraisable|never retrieved"
    r"|coroutine .+ was never awaited"
)
#: CPython cannot warn of a coroutine that nobody awaits if it is collected while a namedtuple is made, whose
#: constructor is a lambda without builtins. Where the collector runs is chance, on either side.
_COLLECTED_IN_A_NAMEDTUPLE = re.compile(
    r"""Exception\ ignored\ (?:in:|while\ finalizing\ coroutine)\ <coroutine\ .+\n
    Traceback\ .+\n
    \ *File\ "<string>",\ line\ 1,\ in\ <lambda>\n
    KeyError:\ '__import__'\n""",
    re.VERBOSE,
)
_KEY = re.compile(rb"\r\nX-Id: (\d+)\r\n")
#: What `repr` shows of an address, in an error text.
_ADDRESS = re.compile(rb"0x[0-9a-f]{8,16}")

#: In place of an answer: the connection has ended behind others.
ENDED = "ended"
#: A response, or what happened instead of one.
Answer: TypeAlias = Response | str


@dataclass(frozen=True)
class Difference:
    """What differs between two answers."""

    kinds: tuple[str, ...]
    reference: Answer
    engine: Answer


class Lane:
    """One connection at a time to a server."""

    def __init__(self, address: tuple[str, int] | str) -> None:
        self._address = address
        self._connection: Connection | None = None
        self._fresh = True
        self._data = b""
        self._begun = 0
        #: Keys of requests that had to be sent twice, because the connection had just been closed.
        self.resent: set[str] = set()

    @property
    def reused(self) -> bool:
        """Whether the connection has carried an answer."""
        return self._connection is not None and not self._fresh

    def send(self, data: bytes) -> None:
        """Write a request, or what is left of it, on the connection that is open, or on a new one."""
        connection = self._connected()
        self._data = data
        connection.send(data[self._begun :])
        self._begun = 0

    def begin(self, data: bytes, count: int) -> None:
        """Write the first bytes of a request."""
        self._connected().send(data[:count])
        self._begun = count

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = Connection(self._address)
            self._connection.set_timeout(PATIENCE)
            self._fresh = True
        return self._connection

    def read(self, method: bytes, *, more: bool = False) -> Answer:
        """The answer to what was sent; `more` says that others follow on the connection."""
        connection = self._connection
        assert connection is not None
        try:
            response = connection.read_response(method=method)
            while response.status < 200:
                response = connection.read_response(method=method)
        except (Closed, ConnectionResetError):
            self.leave()
            if more and not self._fresh:
                return ENDED
            if not self._fresh:
                self.resent |= keys(self._data)
                self.send(self._data)
                return self.read(method, more=more)
            return "closed without an answer"
        except Hung:
            self.leave()
            return "no answer"
        except Malformed as error:
            self.leave()
            return f"malformed: {error}"
        self._fresh = False
        if response.announces_close or response.status >= 500 or response.status == 400:
            self.leave()
        elif not more and (rest := connection.take_rest()):
            self.leave()
            return f"more than an answer: {rest[:200]!r}"
        return response

    @property
    def open(self) -> bool:
        """Whether more can be read."""
        return self._connection is not None

    def leave(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def keys(data: bytes) -> set[str]:
    """What the journal calls the requests in `data`."""
    return {key.decode() for key in _KEY.findall(data)}


class Side:
    """One server and the connections to it."""

    def __init__(self, kind: str, directory: Path, module: str, options: tuple[str, ...] = ()) -> None:
        spec = AppSpec(f"{module}:app", (*OPTIONS, *options), app_dir=directory)
        self.server = Server(kind, module, spec)
        self.lane = Lane(self.server.address)
        self._asking: Connection | None = None

    def status(self) -> dict[str, Any] | None:
        """What `turboapi.plans.status` says, if this is the engine."""
        found: dict[str, Any] | None = self._ask(b"status")
        return found

    def collect(self) -> None:
        """Have the app's garbage collected: what Python says of coroutines in it is in the log then."""
        self._ask(b"collect")

    def journal(self, first: int = 0) -> dict[str, list[str]]:
        """What the app noted for each request from `first`; what it noted for others is dropped."""
        found: dict[str, list[str]] = self._ask(b"%d" % first)
        return found

    def _ask(self, query: bytes) -> Any:
        for attempt in (1, 2):
            if self._asking is None:
                self._asking = Connection(self.server.address)
                self._asking.set_timeout(PATIENCE)
            try:
                self._asking.send(b"GET /journal?%s HTTP/1.1\r\nHost: example.test\r\n\r\n" % query)
                response = self._asking.read_response(method=b"GET")
                return json.loads(response.body) if response.status == 200 else {"0": [str(response.status)]}
            except (Closed, Hung):
                self._asking.close()
                self._asking = None
                if attempt == 2:
                    return {"0": ["no answer"]}
        raise AssertionError

    def stop(self) -> str:
        """The error log."""
        self.lane.leave()
        if self._asking is not None:
            self._asking.close()
        return self.server.stop()[1]


class Duel:
    """Both servers of one module. Use as a context manager."""

    def __init__(self, directory: Path, module: str, options: tuple[str, ...] = ()) -> None:
        self.sides = [Side(kind, directory, module, options) for kind in SIDES]
        self.logs: list[str] = []
        #: How often the reference gave each status.
        self.statuses: Counter[str] = Counter()
        #: Keys of requests that a server may have given to the app more than once, or not at all.
        self.uncertain: set[str] = set()
        self._doubts = 0
        #: Why sides did not start.
        self.refused: list[str] = []

    def wait(self) -> None:
        """Until both answer; those that do not start are in `refused`."""
        for side in self.sides:
            try:
                side.server.wait()
            except (RuntimeError, OSError) as error:
                self.refused.append(f"{side.server.kind}: {error}\n{side.server.stderr_path.read_text()}")

    def ask(self, data: bytes, method: bytes, cut: int = 0) -> Difference | None:
        """Send a request to both, the first `cut` bytes before the rest; None if the answers are equal."""
        lanes = [side.lane for side in self.sides]
        if cut:
            for lane in lanes:
                lane.begin(data, cut)
            for side in self.sides:
                # Once this is answered, the server has read what was sent before.
                side.journal()
        return self._race(lanes, data, method)()

    def ask_together(self, requests: Sequence[tuple[bytes, bytes]]) -> list[Difference | None]:
        """The same for several requests at a time, each on a connection of its own."""
        lanes = [[Lane(side.server.address) for side in self.sides] for _ in requests]
        races = [self._race(pair, data, method) for pair, (data, method) in zip(lanes, requests, strict=True)]
        try:
            return [read() for read in races]
        finally:
            for lane in (lane for pair in lanes for lane in pair):
                lane.leave()

    def ask_in_a_row(self, requests: Sequence[tuple[bytes, bytes]]) -> list[Difference | None]:
        """The same for several requests in one piece on one connection, up to the one that ends it."""
        data = b"".join(data for data, _ in requests)
        lanes = [Lane(side.server.address) for side in self.sides]
        for lane in lanes:
            lane.send(data)
        found = []
        for _, method in requests:
            if not all(lane.open for lane in lanes):
                # What the app was still given is the servers' business.
                self.uncertain |= keys(data)
                break
            reference, engine = (lane.read(method, more=True) for lane in lanes)
            if reference == ENDED or _invalid(reference):
                # Documented: uvicorn drops what is behind a request whose app raised after its answer, and
                # puts the refusal of an invalid request in the place of the answer before.
                self.uncertain |= keys(data)
                break
            found.append(self._judge(reference, engine, reused=True))
        for lane in lanes:
            lane.leave()
        return found

    def _race(self, lanes: list[Lane], data: bytes, method: bytes) -> Callable[[], Difference | None]:
        for lane in lanes:
            lane.send(data)
        stale, reused = (lane.reused for lane in lanes)

        def read() -> Difference | None:
            reference, engine = (lane.read(method) for lane in lanes)
            for lane in lanes:
                self.uncertain |= lane.resent
            if stale and not isinstance(reference, str) and not reference.complete:
                # Perhaps cut because the request before raised after its answer: alone it tells.
                self.uncertain |= keys(data)
                for lane in lanes:
                    lane.leave()
                return self._race(lanes, data, method)()
            return self._judge(reference, engine, reused=reused)

        return read

    def _judge(self, reference: Answer, engine: Answer, *, reused: bool) -> Difference | None:
        if reused and not isinstance(engine, str) and not isinstance(reference, str):
            _forgive_close(reference, engine)
        self.statuses[reference if isinstance(reference, str) else str(reference.status)] += 1
        kinds = differences(reference, engine)
        return Difference(kinds, reference, engine) if kinds else None

    def compare_journals(
        self,
        first: int,
        last: int,
        *,
        unordered: Collection[str] = (),
        races: Collection[str] = (),
        threads: Collection[str] = (),
        ignored: Collection[str] = (),
    ) -> list[tuple[str, list[str], list[str]]]:
        """Requests from `first` up to `last` for which the two apps noted different things.

        The journals lose them. `unordered` are keys of several requests: the task of one may run while
        the next is handled. `races` are routes whose response runs beside other tasks of its request.
        `threads` are tasks that run in a worker thread beside those of the app further in: see `_beside`.
        """
        ignored = {*ignored, *self.uncertain}
        # Validators and serializers note under -1: they do not know for which request.
        if len(self.uncertain) > self._doubts:
            ignored.add("-1")
        self._doubts = len(self.uncertain)
        found: list[tuple[str, list[str], list[str]]] = []
        for _ in range(READINGS):
            left, right = (side.journal() for side in self.sides)
            found = []
            for key in dict.fromkeys([*left, *right]):
                if key in ignored or not (first <= int(key) < last or key == "-1"):
                    continue
                one, other = left.get(key, []), right.get(key, [])
                if key in unordered or key == "-1" or not set(races).isdisjoint(one):
                    one, other = sorted(one), sorted(other)
                else:
                    one, other = _beside(threads, one), _beside(threads, other)
                if one != other:
                    found.append((key, one, other))
            if not found:
                break
        for side in self.sides:
            side.journal(last)
        return found

    def leave(self) -> None:
        """Go on with new connections."""
        for side in self.sides:
            side.lane.leave()

    def stop(self) -> None:
        """Stop both; their error logs are in `logs`."""
        if not self.logs:
            for side in () if self.refused else self.sides:
                side.collect()
            self.logs = [side.stop() for side in self.sides]

    def broken(self) -> list[str]:
        """Lines of the engine's log that should never be there, unless the reference has them too."""
        known, found = map(broken_lines, self.logs)
        return [line for text, line in found.items() if text not in known]

    def __enter__(self) -> Duel:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def broken_lines(log: str) -> dict[str, str]:
    """What should not be in this log: the part that tells of it, and the whole line."""
    lines = _COLLECTED_IN_A_NAMEDTUPLE.sub("", log).splitlines()
    return {line[match.start() :]: line for line in lines if (match := BROKEN.search(line))}


def differences(reference: Answer, engine: Answer) -> tuple[str, ...]:
    """The kinds of what differs; empty for equal answers."""
    if isinstance(reference, str) or isinstance(engine, str):
        return () if reference == engine or _unsendable(reference, engine) else ("answer",)
    found = []
    if reference.status_line != engine.status_line:
        found.append("status")
    left, right = own_fields(reference), own_fields(engine)
    if left != right and grouped(left) != right:
        found.append("header-order" if sorted(left) == sorted(right) else "headers")
    if reference.framing != engine.framing:
        found.append("framing")
    elif reference.body != engine.body and _anonymous(reference.body) != _anonymous(engine.body):
        found.append("body")
    if reference.complete != engine.complete:
        found.append("truncation")
    if reference.chunks != engine.chunks and not found and reference.complete:
        found.append("chunking")
    return tuple(found)


def _beside(threads: Collection[str], journal: list[str]) -> list[str]:
    """The journal with `threads` behind the other tasks, in the places that tasks have.

    The task of a response begins as soon as its body is through, at each level by itself and each in a worker
    thread. The threads begin within a few turns of the loop, and which of them gets the interpreter's lock
    first is chance: on uvicorn alone one order comes in 14 of 60 requests, the other in 46.
    """
    tasks = [entry for entry in journal if entry.startswith("task of ")]
    inner = [task for task in tasks if task not in threads]
    ordered = iter(inner + sorted(task for task in tasks if task in threads))
    return [next(ordered) if entry.startswith("task of ") else entry for entry in journal]


def _forgive_close(reference: Response, engine: Response) -> None:
    # Documented: where an app raises after a complete answer, a request that has come meanwhile is still
    # answered before the connection closes; uvicorn answers or drops it, as it happens.
    if (b"connection", b"close") not in reference.headers:
        engine.headers = [pair for pair in engine.headers if pair != (b"connection", b"close")]


def _invalid(reference: Answer) -> bool:
    return (
        not isinstance(reference, str)
        and reference.status == 400
        and reference.announces_close
        and (b"content-length", b"30") in reference.headers
    )


def _unsendable(reference: Answer, engine: Answer) -> bool:
    # Documented: a head that cannot be sent is 500, where uvicorn closes without a byte.
    return reference == "closed without an answer" and not isinstance(engine, str) and engine.status == 500


def own_fields(response: Response) -> list[tuple[bytes, bytes]]:
    """The fields that are the app's: the table of tests/differential covers `date` and `server`."""
    return [
        (name.lower(), value) for name, value in response.headers if name.lower() not in (b"date", b"server")
    ]


def grouped(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Fields of one name side by side, as the engine sends them: the documented kind `header-grouping`."""
    names = dict.fromkeys(name for name, _ in fields)
    return [(name, value) for wanted in names for name, value in fields if name == wanted]


def _anonymous(body: bytes) -> bytes:
    return _ADDRESS.sub(b"<address>", body)
