"""Fixtures. The environment is set before the app can be imported."""

import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

MAX_UPLOAD_BYTES = 200_000

_DATA = tempfile.TemporaryDirectory(prefix="taskboard-test-")
os.environ["TASKBOARD_DATA_DIR"] = _DATA.name
os.environ["TASKBOARD_MAX_UPLOAD_BYTES"] = str(MAX_UPLOAD_BYTES)
os.environ["TASKBOARD_CORS_ORIGINS"] = '["https://front.example"]'

from support import EXAMPLE_DIR, MODE, SERVER, Person, register, running_server  # noqa: E402

TEST_CLIENTS = {"stock": "fastapi.testclient", "turboapi": "turboapi.testclient"}


def pytest_report_header() -> str:
    database = os.environ.get("DATABASE_URL", "").partition(":")[0] or "sqlite"
    return f"taskboard: client={MODE} server={SERVER} database={database}"


def manage(*arguments: str) -> str:
    """Run a management command as a user would and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "taskboard.manage", *arguments],
        cwd=EXAMPLE_DIR,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The data folder of the app under test, with a migrated database."""
    manage("migrate")
    return Path(_DATA.name)


@pytest.fixture(scope="session")
def server_url(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A live server."""
    if SERVER != "uvicorn":
        _import_or_skip(SERVER, "TASKBOARD_SERVER")
    with running_server(tmp_path_factory.mktemp("server") / "server.log") as url:
        yield url


def _import_or_skip(module: str, variable: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as exc:
        pytest.skip(
            f"NOT TESTED: {variable}={os.environ.get(variable)}, but {module} cannot be imported: {exc}"
        )


@pytest.fixture(scope="session")
def client(request: pytest.FixtureRequest, data_dir: Path) -> Iterator[Any]:
    """A client for the app, chosen by `TASKBOARD_CLIENT`."""
    if MODE == "live":
        import httpx2

        url = request.getfixturevalue("server_url")
        with httpx2.Client(base_url=url, timeout=20, trust_env=False) as live:
            yield live
    elif MODE in TEST_CLIENTS:
        testclient = _import_or_skip(TEST_CLIENTS[MODE], "TASKBOARD_CLIENT")
        from taskboard.main import app

        with testclient.TestClient(app) as in_process:
            yield in_process
    else:
        raise pytest.UsageError(f"TASKBOARD_CLIENT has to be stock, turboapi or live, not {MODE!r}")


@pytest.fixture(scope="session")
def ada(client: Any) -> Person:
    return register(client, "Ada")


@pytest.fixture(scope="session")
def grace(client: Any) -> Person:
    return register(client, "Grace")


@pytest.fixture(scope="session")
def eve(client: Any) -> Person:
    """Somebody who takes part in nothing."""
    return register(client, "Eve")
