"""Dispatch functions with their substitutes do what they do in Starlette, in the same order."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from fastapi import FastAPI, HTTPException, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from starlette.background import BackgroundTask

from .apps import Dispatch, app_with
from .duel import VALUE, Call, Journal, duel
from .functions import (
    DISPATCHES,
    asyncio_timeout,
    catches,
    closes_response,
    fail_after,
    group_around,
    in_a_task,
    move_on,
    passes,
    raises_after,
    reads_and_asks_again,
    reads_body_after,
    reads_body_before,
    reads_response,
    replaces,
    retries,
    sees,
    sets_background,
    short_cut,
    streams_body_before,
    twice,
    wait_for,
    wraps_response,
)

JSON = ((b"content-type", b"application/json"),)
CALLS = {
    **{
        path: Call(path)
        for path in (
            *("/", "/task", "/suspends", "/sync", "/session", "/background", "/background/plain"),
            *(
                "/background/fails",
                "/missing",
                "/custom",
                "/fails",
                "/fails/context",
                "/fails/late",
                "/group",
            ),
            *("/cancels", "/response", "/empty", "/stream", "/stream/pauses", "/stream/fails", "/scopes"),
            *("/disconnected", "/nowhere"),
        )
    },
    "invalid": Call("/", query=b"q=x"),
    "method": Call("/", "DELETE"),
    "head": Call("/", "HEAD"),
    "item": Call("/item", "POST", headers=JSON, body=(b'{"name": "a"}',)),
    "invalid item": Call("/item", "POST", headers=JSON, body=(b'{"name": 1}',)),
    "broken item": Call("/item", "POST", headers=JSON, body=(b'{"na', b'me"')),
    "raw": Call("/raw", "POST", body=(b"one", b"two")),
    "chunks": Call("/chunks", "POST", body=(b"one", b"two", b"three")),
    "slow": Call("/", slow=True),
    "slow stream": Call("/stream", slow=True),
    "stream 2.4": Call("/stream", spec_version="2.4"),
    "fails to send": Call("/session", fails_after=0),
    "fails to send more": Call("/stream", fails_after=2),
    "fails to send the end": Call("/session", fails_after=1),
    "gone": Call("/disconnected", gone_after=0),
    "gone in stream": Call("/stream/pauses", gone_after=2),
    "cancelled": Call("/session", cancelled_after=1, slow=True),
    "cancelled in stream": Call("/stream", cancelled_after=3, slow=True),
}


@pytest.mark.parametrize("dispatch", DISPATCHES, ids=lambda one: one.__name__)
def test_one_dispatch_function(dispatch: Dispatch) -> None:
    """Every function with every request."""
    duel(app_with(dispatch), *calls_for(dispatch))


def calls_for(*dispatches: Dispatch) -> list[Call]:
    """All but those whose outcome is a race, or that hang in Starlette."""
    calls = dict(CALLS)
    if {twice, reads_and_asks_again, retries}.intersection(dispatches):
        # The second child waits for a body that the first has read, and threads run the tasks of both.
        calls = {
            name: call for name, call in calls.items() if call.method != "POST" and name != "/background"
        }
    if not {passes, catches, sees}.issuperset(dispatches):
        # How far the producer gets before it hears that nobody listens any more.
        del calls["gone in stream"]
    if {replaces, closes_response, short_cut, move_on}.intersection(dispatches):
        calls = {name: call for name, call in calls.items() if not call.path.startswith("/stream")}
    return list(calls.values())


STACKS = {
    "three": (passes, passes, passes),
    "inner fails": (raises_after, catches, passes),
    "outer fails": (passes, raises_after),
    "inner reads": (reads_response, wraps_response, passes),
    "outer reads": (passes, wraps_response, reads_response),
    "bodies": (reads_body_before, reads_body_after, streams_body_before),
    "bodies again": (passes, reads_body_before, passes),
    "timeouts": (fail_after, asyncio_timeout, fail_after),
    "scopes": (group_around, passes, group_around),
    "tasks": (in_a_task, sets_background, in_a_task),
    "inner twice": (twice, passes),
    "cut": (passes, short_cut, sets_background),
}


@pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
def test_several_dispatch_functions(stack: tuple[Dispatch, ...]) -> None:
    """One inside the other."""
    # Every level is a task of its own; how far the inner ones are ahead of the outer is a race.
    calls = [
        call for call in calls_for(*stack) if not (call.path.startswith("/stream") and _ends_early(call))
    ]
    duel(app_with(*stack), *calls, races=True)


def _ends_early(call: Call) -> bool:
    return not call.gone_after is call.cancelled_after is call.fails_after is None


OTHERS = {
    "gzip": ((GZipMiddleware, {"minimum_size": 1}),),
    "cors": ((CORSMiddleware, {"allow_origins": ["https://a.example"]}),),
}


@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_with_stock_middleware(other: tuple[Any, ...], inside: bool) -> None:
    """GZip sees a body that streams behind a dispatch function."""

    def make(journal: Journal) -> FastAPI:
        app = app_with(passes, others=other if inside else ())(journal)
        if not inside:
            for middleware, options in other:
                app.add_middleware(middleware, **options)
        return app

    headers = ((b"accept-encoding", b"gzip"), (b"origin", b"https://a.example"))
    paths = ("/", "/stream", "/stream/fails", "/session", "/missing", "/fails")
    duel(make, *(Call(path, headers=headers) for path in paths))


@pytest.mark.parametrize("path", ["/waits", "/shielded", "/inside", "/endless", "/listens"])
@pytest.mark.parametrize(
    "dispatch", [passes, sees, asyncio_timeout, wait_for, fail_after], ids=lambda one: one.__name__
)
@pytest.mark.parametrize("how", ["gone", "cancelled", "alone"])
def test_a_child_that_waits(dispatch: Dispatch, path: str, how: str) -> None:
    """Timeouts, cancellation and the client's end reach a child wherever it waits."""
    limited = dispatch in (asyncio_timeout, wait_for, fail_after)
    call = Call(path, headers=() if path == "/endless" else ((b"x-limit", b"0.01"),))
    if path == "/endless":
        call = call._replace(gone_after=4) if how == "gone" else call._replace(cancelled_after=4)
    elif path == "/listens" and not limited:
        call = call._replace(gone_after=0)
    elif how != "alone":
        pytest.skip("it neither sends nor listens")
    duel(app_with(dispatch), call, idle_time=True)


@pytest.mark.parametrize("path", ["/bottom", "/bottom/late"])
def test_what_is_no_exception(path: str) -> None:
    """A BaseException ends the group, and the dispatch function with it."""
    duel(app_with(sees), Call(path))


@pytest.mark.parametrize(
    ("path", "deadline"),
    [("/", 0.0), ("/", 10.0), ("/deadline", 10.0), ("/scopes", 10.0), ("/waits", 0.01), ("/inside", 0.01)],
)
def test_a_deadline_further_out(path: str, deadline: float) -> None:
    """Scopes of middleware in front are those of the child too."""

    class Deadline:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            with anyio.move_on_after(deadline):
                await self.app(scope, receive, send)

    def make(journal: Journal) -> FastAPI:
        app = app_with(passes, sees)(journal)

        @app.get("/deadline", response_model=None)
        async def tells() -> dict[str, bool]:
            return {"finite": anyio.current_effective_deadline() < float("inf")}

        app.add_middleware(Deadline)
        return app

    duel(make, Call(path), idle_time=True)


def test_errors_of_receive_keep_their_shape() -> None:
    """What the client's side raises comes out of an anyio task group in Starlette."""

    class Limit:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            async def limited() -> Any:
                raise HTTPException(413)

            await self.app(scope, limited, send)

    def make(journal: Journal) -> FastAPI:
        app = app_with(sees)(journal)
        app.add_middleware(Limit)
        return app

    duel(make, Call("/raw", "POST", body=(b"x",)))


def test_a_context_of_ones_own() -> None:
    """A dispatch function that changes the context inside `call_next`'s task only."""

    async def runs_in_context(request: Any, call_next: Any, note: Any) -> Any:
        context = contextvars.copy_context()
        context.run(VALUE.set, "other")
        response = await asyncio.get_running_loop().create_task(call_next(request), context=context)
        note(VALUE.get())
        return response

    paths = ("/", "/task", "/session", "/suspends")
    duel(app_with(runs_in_context), *(Call(path) for path in paths))


def test_a_host_that_its_parents_group_adopted_before_it_called_on() -> None:
    """Its own group, which it gets later, is inside that of the parent."""

    def make(journal: Journal) -> FastAPI:
        app = FastAPI()

        @app.get("/")
        async def slow() -> str:
            await asyncio.sleep(0.001)
            return "done"

        @app.get("/fails")
        async def fails() -> None:
            await asyncio.sleep(0.001)
            raise ValueError("late")

        @app.middleware("http")
        async def pauses(request: Request, call_next: Any) -> Any:
            await asyncio.sleep(0)
            with anyio.move_on_after(3):
                response = await call_next(request)
            response.background = BackgroundTask(journal.append, (0, "task"))
            return response

        @app.middleware("http")
        async def outside(request: Request, call_next: Any) -> Any:
            response = await call_next(request)
            journal.append((1, response.status_code))
            return response

        return app

    duel(make, Call("/"), Call("/fails"), Call("/", gone_after=0), Call("/", cancelled_after=1, slow=True))
