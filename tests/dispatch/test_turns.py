"""The turns of the loop that a request takes, where two tasks of it race and an app can see which was first.

A response that listens for the client's end while it is sent, as `FileResponse` does, goes on until it hears
that a dispatch function further out has answered with something else. How far it gets meanwhile is a matter
of turns, not of chance: of Starlette's memory streams, which take one for each message at each level, and of
the task group around each `receive`, which takes some to end. Real files add threads to that, whose order is
chance in Starlette too; so the response here counts turns in place of reading a file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response
from starlette._utils import create_collapsing_task_group
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse

from .duel import Call, Journal, duel


async def turns(count: int) -> None:
    """Let others go first so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


class Listening(Response):
    """Sends its head after some turns and its body after others, and listens for the client meanwhile."""

    def __init__(self, journal: Journal, before: int, between: int) -> None:
        super().__init__()
        self._journal, self._before, self._between = journal, before, between

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """As `FileResponse` does it."""

        async def produce() -> None:
            try:
                await turns(self._before)
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await turns(self._between)
                await send({"type": "http.response.body", "body": b"file"})
                self._journal.append("sent")
            except asyncio.CancelledError:
                self._journal.append("cancelled")
                raise
            group.cancel_scope.cancel()

        async with create_collapsing_task_group() as group:
            group.start_soon(produce)
            while (await receive())["type"] != "http.disconnect":
                pass
            self._journal.append("disconnected")
            group.cancel_scope.cancel()
        self._journal.append("task of the endpoint")


def thrown_away(levels: int, before: int, between: int, pauses: int) -> Callable[[Journal], FastAPI]:
    """An app whose outermost dispatch function throws the response away, and whose innermost has a task."""

    def make(journal: Journal) -> FastAPI:
        app = FastAPI()

        async def task() -> None:
            journal.append("task begins")
            await turns(pauses)
            journal.append("task ends")

        @app.get("/", response_model=None)
        async def file() -> Response:
            return Listening(journal, before, between)

        @app.middleware("http")
        async def adds_task(request: Request, call_next: Any) -> Any:
            response = await call_next(request)
            response.background = BackgroundTask(task)
            return response

        for _ in range(levels):

            @app.middleware("http")
            async def passes(request: Request, call_next: Any) -> Any:
                return await call_next(request)

        @app.middleware("http")
        async def replaces(request: Request, call_next: Any) -> Any:
            await call_next(request)
            return PlainTextResponse("other")

        return app

    return make


@pytest.mark.parametrize("levels", [0, 1, 2])
@pytest.mark.parametrize("before", [0, 1, 5])
@pytest.mark.parametrize("between", range(12))
def test_a_file_that_was_thrown_away_gets_as_far_as_in_starlette(
    levels: int, before: int, between: int
) -> None:
    """The head went up, and the client's end came down, in fewer turns than Starlette takes."""
    for pauses in (0, 1, 2, 3, 5):
        duel(thrown_away(levels, before, between, pauses), Call())


def test_the_race_has_several_outcomes() -> None:
    """What the test above compares is not always the same."""
    outcomes = {
        tuple(entry for entry in outcome.journal if isinstance(entry, str))
        for between in range(12)
        for outcome in duel(thrown_away(1, 5, between, 2), Call())
    }
    assert len(outcomes) > 4, outcomes
