"""Fixtures shared by the tests of the Python package."""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest
from logs import LogLines
from processes import ServerProcess


class Launch(Protocol):
    """Start `python <arguments>` in the test's directory."""

    def __call__(
        self, *arguments: str, env: dict[str, str] | None = None, pass_fds: Sequence[int] = ()
    ) -> ServerProcess: ...


class Serve(Protocol):
    """Write `source` as main.py and start `turboapi run main:app --port 0` with further `arguments`."""

    def __call__(
        self,
        source: str,
        *arguments: str,
        command: str = "run",
        target: str = "main:app",
        env: dict[str, str] | None = None,
    ) -> ServerProcess: ...


@pytest.fixture(autouse=True)
def _loggers_as_before() -> Iterator[None]:
    """Put uvicorn's loggers back as they were: creating a `Config` sets them up."""
    loggers = [
        logging.getLogger(name) for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")
    ]
    before = [(logger, logger.level, logger.propagate, logger.handlers[:]) for logger in loggers]
    yield
    for logger, level, propagate, handlers in before:
        logger.setLevel(level)
        logger.propagate = propagate
        logger.handlers[:] = handlers


@pytest.fixture
def error_log() -> Iterator[LogLines]:
    """What is logged to `uvicorn.error` in this process."""
    logger = logging.getLogger("uvicorn.error")
    handler = LogLines()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Start processes that are ended after the test."""
    started: list[ServerProcess] = []

    def start(
        *arguments: str, env: dict[str, str] | None = None, pass_fds: Sequence[int] = ()
    ) -> ServerProcess:
        process = ServerProcess(arguments, tmp_path, env, pass_fds)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()


@pytest.fixture
def serve(launch: Launch, tmp_path: Path) -> Serve:
    """Serve an app given as source code."""

    def start(
        source: str,
        *arguments: str,
        command: str = "run",
        target: str = "main:app",
        env: dict[str, str] | None = None,
    ) -> ServerProcess:
        (tmp_path / "main.py").write_text(textwrap.dedent(source))
        return launch("-m", "turboapi", command, target, "--port", "0", *arguments, env=env)

    return start
