"""A whole request through a plan, without a socket: the ASGI callable that stands in the router's place.

    python -m benchmarks.plan_alone [--rows async,async-query] [--quick]

Drives `benchmarks.apps.plans` in this process with prepared scopes on asyncio's own loop: extraction,
validation, the endpoint, the answer's bytes, and the messages of ASGI. ``table`` is the plan table alone,
``stack`` the application with plans behind its middleware, ``fastapi`` a second instance of the same file
without plans. `def` handlers run inline in the plans and on FastAPI's thread pool without. The engine's own
requests skip ASGI and cost less than ``table``: see `benchmarks.plan_cost`. Every answer is compared with
the row's.

Figures are microseconds of the process's CPU time, medians of rounds in which the three take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from types import ModuleType
from typing import Any

from benchmarks.machine import ROOT
from benchmarks.plan_rows import APP, MANY, ROWS, Row
from benchmarks.timing import QUICK_ROUNDS, QUICK_SECONDS, ROUND_SECONDS, ROUNDS, Estimate, estimate
from turboapi.plans.startup import plan_table

Message = dict[str, Any]
Application = Callable[[Any, Any, Any], Awaitable[None]]


class Exchange:
    """One request as an ASGI server hands it over, again and again."""

    def __init__(self, row: Row) -> None:
        request = row.request
        path, _, query = request.target.partition("?")
        lines = request.encode().partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
        fields = [line.partition(b": ")[::2] for line in lines]
        self._row = row
        self._headers = [(name.lower(), value) for name, value in fields]
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8000),
        }
        self._request = {"type": "http.request", "body": request.body, "more_body": False}
        self._sent: list[Message] = []

    async def receive(self) -> Message:
        """The whole body."""
        return self._request

    async def send(self, message: Message) -> None:
        """Keeps the message."""
        self._sent.append(message)

    async def through(self, app: Application) -> None:
        """One request; raises unless the answer is the row's."""
        self._sent.clear()
        scope = self._scope | {"headers": list(self._headers), "state": {}}
        await app(scope, self.receive, self.send)
        start, *body = self._sent
        if start["status"] != self._row.request.status:
            raise RuntimeError(f"{self._row.key}: {start}")
        if b"".join(message.get("body", b"") for message in body) != self._row.request.expected:
            raise RuntimeError(f"{self._row.key}: {body}")


async def measure(rows: Sequence[Row], *, rounds: int, seconds: float) -> dict[str, dict[str, Estimate]]:
    """Nanoseconds a request by row and by who serves it."""
    planned, plain = _instance("planned"), _instance("plain")
    results = {}
    for row in rows:
        name = row.request.app.partition(":")[2]
        app = getattr(planned, name)
        table = await plan_table(app, "inline")
        if table is None:
            raise RuntimeError(f"{row.request.app} has no plans")
        before = table.counts()
        servers: dict[str, Application] = {"table": table, "stack": app, "fastapi": getattr(plain, name)}
        if row.request.status >= 400:
            # An exception becomes an answer only in the middleware around the router.
            del servers["table"]
        results[row.key] = await _compare(Exchange(row), servers, rounds=rounds, seconds=seconds)
        counts = table.counts()
        if counts["native"] + counts["python"] == before["native"] + before["python"]:
            raise RuntimeError(f"{row.key}: not served by a plan: {counts}")
    return results


async def _compare(
    exchange: Exchange, servers: dict[str, Application], *, rounds: int, seconds: float
) -> dict[str, Estimate]:
    numbers = {}
    for name, app in servers.items():
        number = 1
        while (spent := await _timed(exchange, app, number)) < seconds / 10:
            number *= 4
        numbers[name] = max(1, int(number * seconds / spent))
    samples: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(rounds):
        for name, app in servers.items():
            samples[name].append(await _timed(exchange, app, numbers[name]) / numbers[name] * 1e9)
    return {name: estimate(taken) for name, taken in samples.items()}


async def _timed(exchange: Exchange, app: Application, number: int) -> float:
    # Threads that FastAPI runs `def` handlers in are part of the cost.
    start = time.process_time()
    for _ in range(number):
        await exchange.through(app)
    return time.process_time() - start


def _instance(name: str) -> ModuleType:
    """The file of the apps as a module of its own: plans change the application they are made for."""
    spec = importlib.util.spec_from_file_location(
        f"benchmarks_plans_{name}", ROOT / "benchmarks" / "apps" / "plans.py"
    )
    if spec is None or spec.loader is None:
        raise RuntimeError("benchmarks/apps/plans.py cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    # pydantic looks up the names in annotations there.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


SERVED_BY = ("table", "stack", "fastapi")
# A middleware's own cost is no plan's.
ALONE = tuple(row for row in ROWS if row.request.app in {APP, MANY})


def run(rows: Sequence[Row] = ALONE, *, quick: bool = False) -> dict[str, dict[str, Estimate]]:
    """Measures `rows` on a loop of its own."""
    return asyncio.run(
        measure(
            rows, rounds=QUICK_ROUNDS if quick else ROUNDS, seconds=QUICK_SECONDS if quick else ROUND_SECONDS
        )
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.plan_alone",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", help="keys of rows, separated by commas; all by default")
    parser.add_argument("--quick", action="store_true", help="short rounds, for a look")
    options = parser.parse_args()
    keys = options.rows.split(",") if options.rows else [row.key for row in ALONE]
    rows = [row for row in ALONE if row.key in keys]
    names = {row.key: row.request.name for row in rows}
    print(f"{'us of CPU a request':<46}" + "".join(f"{server:>9}" for server in SERVED_BY))
    for key, columns in run(rows, quick=options.quick).items():
        figures = (
            f"{columns[server].median / 1e3:.1f}" if server in columns else "-" for server in SERVED_BY
        )
        print(f"{names[key]:<46}" + "".join(f"{figure:>9}" for figure in figures))


if __name__ == "__main__":
    main()
