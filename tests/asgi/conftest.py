"""The `serve` fixture: an app on the engine, and where a test does not object, on uvicorn."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from .apps import App
from .servers import Engine, Records, Server, Uvicorn


class Serve(Protocol):
    """Serves `app` until the test ends; `options` are those of `HttpServer`."""

    kind: str

    def __call__(self, app: App, *, host: str = ..., unix: Path | None = ..., **options: Any) -> Any: ...


def pytest_configure(config: pytest.Config) -> None:
    """Register our markers."""
    config.addinivalue_line("markers", "engine_only(reason): uvicorn differs or cannot; the reason says how")
    config.addinivalue_line("markers", "engine_bug(reason): expected to fail on the engine, strictly")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test on both servers."""
    if "kind" in metafunc.fixturenames:
        engine_only = metafunc.definition.get_closest_marker("engine_only") is not None
        metafunc.parametrize("kind", ["engine"] if engine_only else ["engine", "uvicorn"])


@pytest.fixture
def serve(kind: str, request: pytest.FixtureRequest) -> Iterator[Serve]:
    """Serves apps; everything is stopped and checked for leftovers at the end."""
    bug = request.node.get_closest_marker("engine_bug")
    if bug is not None and kind == "engine":
        request.applymarker(pytest.mark.xfail(reason=bug.args[0], strict=True))
    with contextlib.ExitStack() as stack:
        yield _Serve(kind, stack)


class _Serve:
    def __init__(self, kind: str, stack: contextlib.ExitStack) -> None:
        self.kind = kind
        self._stack = stack

    def __call__(
        self, app: App, *, host: str = "127.0.0.1", unix: Path | None = None, **options: Any
    ) -> Server:
        if unix is not None:
            bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            bound.bind(str(unix))
        else:
            bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
            bound.bind((host, 0))
        bound.listen(128)
        errors = self._stack.enter_context(_recorded("uvicorn.error"))
        access = self._stack.enter_context(_recorded("uvicorn.access"))
        server_type = Engine if self.kind == "engine" else Uvicorn
        return self._stack.enter_context(server_type(app, bound, errors, access, **options))


@contextlib.contextmanager
def _recorded(name: str) -> Iterator[Records]:
    logger = logging.getLogger(name)
    before = logger.level, logger.propagate
    handler = Records()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        logger.level, logger.propagate = before
