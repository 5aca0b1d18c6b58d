"""Coroutine tests run on a fresh engine loop; every test of this folder has a deadline.

`REACTOR_TESTS_LOOP=stock` runs the coroutine tests on asyncio's own loop, to see that an expectation is
asyncio's and not ours; tests of the engine itself are skipped then.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from turboapi.loop import new_event_loop

from .harness import DEADLINE, ServerThread
from .postgres import Cluster, start_cluster

STOCK = os.environ.get("REACTOR_TESTS_LOOP") == "stock"
HERE = Path(__file__).parent


def _new_loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop() if STOCK else new_event_loop()


async def _limited(main: Coroutine[Any, Any, None]) -> None:
    async with asyncio.timeout(DEADLINE):
        await main


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run `async def` tests with `asyncio.Runner` on a loop of their own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(_limited(pyfuncitem.obj(**arguments)))
    return True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A loop that hangs in native code hears no signal: the deadline is kept by a thread."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(3 * DEADLINE, method="thread"))
            if STOCK and item.path.name.startswith(("test_server", "test_loop")):
                item.add_marker(pytest.mark.skip(reason="about the engine's own loop"))


@pytest.fixture
def new_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    """The loop factory under test."""
    return _new_loop


@pytest.fixture
def serve_in_thread() -> Iterator[Callable[..., ServerThread]]:
    """Serve an app on an engine loop of its own, in a background thread, at a free port."""
    started: list[ServerThread] = []

    def start(app: Any, **options: Any) -> ServerThread:
        started.append(ServerThread(app, **options))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A PostgreSQL server of our own on a Unix socket; skips when PostgreSQL is not installed."""
    cluster = start_cluster()
    yield cluster
    cluster.stop()
