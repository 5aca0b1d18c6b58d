"""All worker threads of a free-threaded Python call the same handlers, dependencies and models.

Every body is compared and every call is counted, on both sides. TURBOAPI_STRESS_SECONDS makes it longer.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"),
    reason="threads run in parallel on a free-threaded Python only: make test-free-threaded PYTHON_FT=...",
)

SECONDS = float(os.environ.get("TURBOAPI_STRESS_SECONDS", "3"))
WORKERS = 4
CLIENTS = 8
REQUESTS_A_CONNECTION = 40
DEADLINE = 30.0


@dataclass
class Ask:
    """A request and the answers that are right."""

    path: str
    right: tuple[object, ...]
    name: str | None = None
    method: str = "GET"
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200
    answer_headers: dict[str, str] = field(default_factory=dict)


def asks(generator: random.Random) -> Iterator[Ask]:
    """One of each kind, with numbers that no other request has."""
    n = generator.randrange(1 << 40)
    quantities = [generator.randrange(1, 9) for _ in range(generator.randrange(9))]
    lines = [{"sku": f"{n}-{i}", "quantity": quantity} for i, quantity in enumerate(quantities)]
    order = {"number": n, "lines": lines, "note": "x" * generator.randrange(2000)}
    receipt = {"number": n, "quantity": sum(quantities), "lines": lines}
    size = generator.randrange(100)
    yield Ask(f"/sync/{n}?q={n}", ({"n": n, "q": str(n)},), "sync")
    yield Ask(f"/async/{n}", ({"n": n, "q": None},), "async")
    yield Ask("/orders", (receipt,), "orders", "POST", order)
    yield Ask("/sync-orders", (receipt,), "sync-orders", "POST", order)
    yield Ask(f"/shared/{n}", ({"n": n, "same": True},), "shared")
    yield Ask(f"/context/{n}", ({"n": n, "before": n, "after": n},), "context")
    yield Ask("/clean", ({"token": None},), "clean")
    yield Ask(f"/session/{n}", ({"n": n, "opened": 2},), "session")
    yield Ask(f"/missing/{n}", ({"detail": f"no {n}"},), "missing", status=404)
    yield Ask(f"/list?size={size}", ([{"sku": f"s{i}", "quantity": i + 1} for i in range(size)],), "list")
    yield Ask(
        "/headers",
        ({"number": n, "path": "/headers"},),
        "headers",
        headers={"X-Number": str(n)},
        answer_headers={"x-answer": str(n)},
    )
    yield Ask("/overridden", ({"value": "real"}, {"value": "fake"}), "overridden")
    on = generator.random() < 0.5
    yield Ask(f"/override/{on}", ({"on": on},), None, "POST")


class Client(threading.Thread):
    """Asks until the end; the first wrong answer is its `problem`."""

    def __init__(self, port: int, number: int, end: float) -> None:
        super().__init__(name=f"client-{number}")
        self._port = port
        self._number = number
        self._end = end
        self._generator = random.Random(number)
        self.counts: Counter[str] = Counter()
        self.problem: BaseException | None = None

    def run(self) -> None:
        """Ask for everything, on a new connection now and then: that is how all workers get their share."""
        try:
            for turn in itertools.count():
                connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=DEADLINE)
                for _ in range(REQUESTS_A_CONNECTION // 13):
                    for ask in asks(self._generator):
                        self._check(connection, ask)
                if turn < 3:
                    self._grow(connection, self._number * 1000 + turn)
                connection.close()
                if time.monotonic() > self._end:
                    return
        except BaseException as error:
            self.problem = error

    def _grow(self, connection: http.client.HTTPConnection, n: int) -> None:
        self._check(connection, Ask(f"/grow/{n}", ({"n": n},), None, "POST"))
        for _ in range(3):
            self._check(connection, Ask(f"/grown/{n}", ({"grown": n},), "grown"))

    def _check(self, connection: http.client.HTTPConnection, ask: Ask) -> None:
        body = None if ask.body is None else json.dumps(ask.body)
        headers = {**ask.headers, **({"Content-Type": "application/json"} if body else {})}
        connection.request(ask.method, ask.path, body, headers)
        response = connection.getresponse()
        answer = response.read()
        assert response.status == ask.status, (ask, response.status, answer)
        assert json.loads(answer) in ask.right, (ask, answer)
        for name, value in ask.answer_headers.items():
            assert response.headers.get_all(name) == [value], (ask, response.headers.items())
        if ask.name is not None:
            self.counts[ask.name] += 1


class Server:
    """`turboapi run --threads` in a process of its own."""

    def __init__(self, log: Path) -> None:
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-X", "faulthandler", "-W", "error", "-m", "turboapi", "run"),
                    *("stress_app:app", "--app-dir", str(Path(__file__).parent)),
                    *("--port", "0", "--threads", str(WORKERS), "--no-access-log"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self.port = self._wait_for_port()

    def _wait_for_port(self) -> int:
        deadline = time.monotonic() + DEADLINE
        while self._process.poll() is None and time.monotonic() < deadline:
            if found := re.search(r"running on http://127\.0\.0\.1:(\d+) ", self.log()):
                return int(found[1])
            # Polling a file, not waiting for a state to settle.
            time.sleep(0.02)
        raise AssertionError(f"the server did not start:\n{self.log()}")

    def log(self) -> str:
        """Everything written so far."""
        return self._log.read_text()

    def tally(self) -> dict[str, object]:
        """The app's own counts."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        connection.request("GET", "/tally")
        tally: dict[str, object] = json.loads(connection.getresponse().read())
        connection.close()
        return tally

    def stop(self) -> int:
        """Its exit status after SIGTERM."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(DEADLINE)

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with `WORKERS` threads."""
    running = Server(tmp_path / "log")
    yield running
    running.kill()


@pytest.mark.timeout(SECONDS + 3 * DEADLINE)
def test_every_answer_is_right_when_all_threads_share_the_handlers(server: Server) -> None:
    """Issue 3, "Must show" 6: no lost count, no foreign value, no race with overrides or new routes."""
    end = time.monotonic() + SECONDS
    clients = [Client(server.port, number, end) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    problems = [client.problem for client in clients if client.problem is not None]
    assert not problems, f"{problems}\n{server.log()}"

    asked: Counter[str] = Counter()
    for client in clients:
        asked.update(client.counts)
    tally = server.tally()
    assert tally["gil"] is False
    assert tally["threads"] == WORKERS, "not every worker thread had a share"
    counts = tally["counts"]
    assert isinstance(counts, dict)
    sessions = counts.pop("entered"), counts.pop("left")
    assert counts == asked
    assert sessions == (2 * asked["session"], 2 * asked["session"])
    assert server.stop() == -signal.SIGTERM
    assert "Traceback" not in server.log()
    assert "panicked" not in server.log()
