"""Handlers that end without suspending share a task that is made before it is needed; nobody can tell.

Every test runs on uvicorn too, where each request has a task of its own. Annotations are not postponed:
FastAPI evaluates those of functions in a function.
"""

import asyncio
import contextvars
import gc
import logging
import queue
import sys
import weakref
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

import anyio
import pytest
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse

import turboapi

from .served import served

TIMES = 5
"""Requests after one another: the task of one could be that of the next."""
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

pytestmark = pytest.mark.parametrize("package", [turboapi, uvicorn], ids=["engine", "uvicorn"])


def current() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


def answers(
    package: ModuleType,
    handler: Callable[..., Awaitable[object]],
    times: int = TIMES,
    then: Callable[[], object] = lambda: None,
) -> list[Any]:
    """What `handler` answers to some requests, between which others leave nothing behind.

    `then` runs after each answer, while the server still serves.
    """
    app = FastAPI()

    @app.get("/handler")
    async def called() -> object:
        return await handler()

    @app.get("/plain")
    async def plain() -> str:
        return "plain"

    with served(app, package) as client:
        found = []
        for _ in range(times):
            assert client.get("/plain").json() == "plain"
            found.append(client.get("/handler").json())
            then()
        return found


def test_it_is_the_current_task_among_all_tasks(package: ModuleType) -> None:
    async def handler() -> list[object]:
        task = current()
        own = task.get_loop() is asyncio.get_running_loop()
        return [type(task).__name__, task in asyncio.all_tasks(), own, task.done(), task.cancelling()]

    assert answers(package, handler) == [["Task", True, True, False, 0]] * TIMES


def test_every_request_adds_one_task(package: ModuleType) -> None:
    async def handler() -> int:
        return len(asyncio.all_tasks())

    assert len(set(answers(package, handler))) == 1


def test_between_requests_there_is_none(package: ModuleType) -> None:
    idle: queue.SimpleQueue[int] = queue.SimpleQueue()
    seen: list[int] = []

    async def handler() -> int:
        asyncio.get_running_loop().call_later(0.001, lambda: idle.put(len(asyncio.all_tasks())))
        return len(asyncio.all_tasks())

    # The next request waits until the loop has looked; so does the end of the server, whose own tasks count.
    (busy,) = set(answers(package, handler, 20, then=lambda: seen.append(idle.get(timeout=30))))
    # On a busy machine a request can take longer than the timer.
    assert min(seen) == busy - 1


def test_names_differ(package: ModuleType) -> None:
    async def handler() -> str:
        return current().get_name()

    names = answers(package, handler)
    assert len(set(names)) == TIMES
    assert all(name.startswith("Task-") for name in names)


def test_a_name_that_was_given_is_not_the_next_ones(package: ModuleType) -> None:
    async def handler() -> str:
        before = current().get_name()
        current().set_name("mine")
        return before

    assert "mine" not in answers(package, handler)


def test_a_task_that_was_kept_is_done_and_nobody_elses(package: ModuleType) -> None:
    kept: list[asyncio.Task[Any]] = []

    async def handler() -> int:
        kept.append(current())
        return sum(task.done() for task in kept)

    assert answers(package, handler) == list(range(TIMES))
    assert len(set(map(id, kept))) == TIMES
    assert all(task.done() and not task.cancelled() for task in kept)


# `Task.get_context` came with Python 3.12.
@pytest.mark.parametrize("part", ["coro", "context"] if sys.version_info >= (3, 12) else ["coro"])
def test_parts_that_were_kept_are_nobody_elses(package: ModuleType, part: str) -> None:
    kept: list[object] = []

    async def handler() -> int:
        kept.append(getattr(current(), f"get_{part}")())
        return len({id(each) for each in kept})

    assert answers(package, handler) == list(range(1, TIMES + 1))


def test_weak_references_end_with_the_request(package: ModuleType) -> None:
    known: weakref.WeakKeyDictionary[asyncio.Task[Any], int] = weakref.WeakKeyDictionary()

    async def handler() -> bool:
        is_new = current() not in known
        known[current()] = 1
        return is_new

    assert all(answers(package, handler))
    gc.collect()
    assert not list(known)


def test_callbacks_are_called(package: ModuleType) -> None:
    done: list[bool] = []

    async def handler() -> int:
        current().add_done_callback(lambda task: done.append(task.done()))
        return len(done)

    assert answers(package, handler) == list(range(TIMES))
    assert done == [True] * TIMES


def test_context_variables_are_the_requests_own(package: ModuleType) -> None:
    async def handler() -> list[str]:
        before = variable.get()
        variable.set("set")
        return [before, variable.get()]

    assert answers(package, handler) == [["unset", "set"]] * TIMES


def test_a_task_that_has_cancelled_itself(package: ModuleType) -> None:
    kept: list[asyncio.Task[Any]] = []

    async def handler() -> int:
        kept.append(current())
        current().cancel()
        return current().cancelling()

    assert answers(package, handler) == [1] * TIMES
    assert all(task.cancelled() for task in kept)


def test_a_cancellation_that_was_taken_back(package: ModuleType) -> None:
    async def handler() -> int:
        current().cancel()
        return current().uncancel()

    assert answers(package, handler) == [0] * TIMES


def test_a_task_that_has_cancelled_itself_and_waits(package: ModuleType) -> None:
    async def handler() -> str:
        future = asyncio.get_running_loop().create_future()
        current().cancel("by itself")
        try:
            await future
        except asyncio.CancelledError as error:
            current().uncancel()
            return f"{error} {future.cancelled()}"
        return "not cancelled"

    assert answers(package, handler) == ["by itself True"] * TIMES


def test_after_a_suspension_it_is_the_same_task(package: ModuleType) -> None:
    async def handler() -> list[object]:
        task, context = current(), variable.set("before")
        await asyncio.sleep(0)
        same = current() is task
        await asyncio.sleep(0.001)
        first = context.old_value is context.MISSING
        return [same, current() is task, variable.get(), first, task in asyncio.all_tasks()]

    assert answers(package, handler) == [[True, True, "before", True, True]] * TIMES


def test_now_and_then_one_suspends(package: ModuleType) -> None:
    count = 0

    async def handler() -> list[object]:
        nonlocal count
        count += 1
        task, number = current(), count
        if number % 3 == 0:
            await asyncio.sleep(0)
        return [number, current() is task, variable.get()]

    assert answers(package, handler, 60) == [[number, True, "unset"] for number in range(1, 61)]


def test_time_outs_groups_and_scopes(package: ModuleType) -> None:
    async def handler() -> list[object]:
        async with asyncio.timeout(5):  # noqa: ASYNC100 (it must not leave a trace)
            pass
        async with asyncio.TaskGroup():
            pass
        with anyio.CancelScope() as scope:  # noqa: ASYNC100
            scope.cancel()
        return [current().cancelling(), anyio.get_current_task().name == current().get_name()]

    assert answers(package, handler) == [[0, True]] * TIMES


def test_a_scope_that_cancels(package: ModuleType) -> None:
    async def handler() -> str:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await asyncio.sleep(0)
            return "not cancelled"
        return "cancelled"

    assert answers(package, handler) == ["cancelled"] * TIMES


def test_its_coroutine_runs(package: ModuleType) -> None:
    async def handler() -> bool:
        coroutine: Any = current().get_coro()
        return bool(coroutine.cr_running)

    assert answers(package, handler) == [True] * TIMES


def test_exception_handlers_run_in_the_task_and_its_context(package: ModuleType) -> None:
    class Wrong(Exception):
        pass

    app = FastAPI()
    tasks: list[asyncio.Task[Any]] = []

    @app.exception_handler(Wrong)
    async def handle(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse([variable.get(), current() is tasks[-1]], 418)

    @app.get("/wrong")
    async def wrong() -> None:
        tasks.append(current())
        variable.set("by the endpoint")
        raise Wrong

    @app.get("/missing")
    async def missing() -> None:
        raise HTTPException(404, "not here")

    with served(app, package) as client:
        for _ in range(TIMES):
            assert client.get("/wrong").json() == ["by the endpoint", True]
            assert client.get("/missing").json() == {"detail": "not here"}


def test_a_server_that_stops_says_nothing(package: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    async def handler() -> str:
        return "answer"

    with caplog.at_level(logging.DEBUG, logger="asyncio"):
        answers(package, handler)
        gc.collect()
    assert "destroyed" not in caplog.text


def test_in_debug_mode_a_task_knows_where_it_was_made(package: ModuleType) -> None:
    async def handler() -> list[bool]:
        traceback: Any = current()._source_traceback  # type: ignore[attr-defined]
        return [asyncio.get_running_loop().get_debug(), bool(traceback)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONASYNCIODEBUG", "1")
        found = answers(package, handler)
    # uvicorn may run on uvloop, which does not read the variable.
    assert found in ([[True, True]] * TIMES, [[False, False]] * TIMES)
    assert found[0][0] or package is uvicorn
