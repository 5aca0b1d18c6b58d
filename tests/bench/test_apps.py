"""The FastAPI application of the comparison, on the engine: every case has the right answer."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import socket
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from benchmarks.compare.apps.shared.constants import ROUTES
from benchmarks.compare.contender import APPS, SHARED
from benchmarks.compare.database import ROWS, Database, database, find_programs
from benchmarks.compare.workload import Workload
from benchmarks.compare.workloads import all_workloads
from benchmarks.compare.workloads.arena import write_static
from benchmarks.servers import Running, free_port, serving

DATABASE_SUITES = ("techempower", "arena")
needs_benchmarks = pytest.mark.skipif(
    find_programs() is None or any(find_spec(name) is None for name in ("asyncpg", "jinja2", "psycopg_pool")),
    reason="PostgreSQL or the requirements of the benchmarks are not installed",
)


def served(suite: str, environment: dict[str, str]) -> Any:
    port = free_port()
    command = [sys.executable, "-m", "turboapi", "run", f"{suite}:app", "--port", str(port)]
    environment = {"PYTHONPATH": str(SHARED), "DATABASE_POOL": "4", **environment}
    return serving(
        "app", [*command, "--no-access-log"], port, cores=None, cwd=APPS / "fastapi", env=environment
    )


@pytest.fixture(scope="module", params=["basic", "stack"])
def plain(request: pytest.FixtureRequest) -> Iterator[tuple[str, Running]]:
    with served(request.param, {}) as process:
        yield request.param, process


@pytest.fixture(scope="module")
def cluster() -> Iterator[Database]:
    with database(os.sched_getaffinity(0)) as found:
        found.reset()
        yield found


def exchange(port: int, case: dict[str, Any]) -> None:
    """Sends the request of a case and checks the answer as ``turbo-load`` does."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(case["request"].encode("latin-1"))
        response = http.client.HTTPResponse(connection)
        response.begin()
        body = response.read()
    assert response.status == case["status"], body[:300]
    assert (response.getheader("content-encoding") == "gzip") is case["gzip"]
    if case["gzip"]:
        body = gzip.decompress(body)
    ((kind, right),) = case["check"].items()
    if kind == "exact":
        assert body == right.encode("latin-1")
    elif kind == "json":
        assert json.loads(body) in right
    elif kind == "events":
        numbers = [int(event.removeprefix("data: ")) for event in body.decode().split("\n\n")[:-1]]
        assert numbers == list(range(numbers[0], numbers[0] + right))
    else:
        rows = json.loads(body)
        rows = [rows] if right.get("count") is None else rows
        assert len(rows) == right.get("count", 1)
        for row in rows:
            assert not right["fresh"] or row["randomNumber"] == row["id"] * 7_919 % ROWS + 1


def cases(suite: str) -> Iterator[tuple[Workload, dict[str, Any]]]:
    """Of all workloads with requests of their own."""
    for workload in all_workloads():
        own = "@" not in workload.name and "~" not in workload.name and "*" not in workload.name
        if workload.suite == suite and own and "websocket" not in dict(workload.options):
            for case in workload.cases():
                yield workload, case


def test_every_answer_is_the_one_that_is_expected(plain: tuple[str, Running]) -> None:
    suite, process = plain
    found = list(cases(suite))
    assert found
    for _, case in found:
        exchange(process.port, case)
    assert ROUTES == 200


@needs_benchmarks
@pytest.mark.parametrize("suite", DATABASE_SUITES)
def test_every_answer_from_the_database_is_right(suite: str, cluster: Database, tmp_path: Path) -> None:
    write_static(tmp_path)
    cluster.reset()
    with served(suite, {"DATABASE_URL": cluster.url, "STATIC_DIRECTORY": str(tmp_path)}) as process:
        for _, case in cases(suite):
            exchange(process.port, case)
    assert (cluster.changed_worlds() > 0) is (suite == "techempower")
