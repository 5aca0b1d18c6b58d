"""A cancellation that comes while nothing pauses: it takes effect at Starlette's next pause, and no later.

Between the head of a response and its body Starlette's host waits for its memory stream. So a body is kept
back, a background task is not begun, and a client sees a cut response, when something cancels the request
before that, although the engine's `send` would not have waited.
"""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest
from fastapi import FastAPI
from starlette.background import BackgroundTask

from .apps import app_with
from .duel import Call, Journal, Message, duel
from .functions import passes, sees, sets_background, wraps_response

PATHS = ["/", "/suspends", "/session", "/response", "/background/plain", "/stream"]


def cancel() -> None:
    """End the present task at its next pause."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


async def cancels_before_it_answers(request: Any, call_next: Any, note: Any) -> Any:
    """The response is there, and not sent."""
    response = await call_next(request)
    cancel()
    return response


async def adds_a_task_first(request: Any, call_next: Any, note: Any) -> Any:
    """A task that is not to be run."""
    response = await call_next(request)
    response.background = BackgroundTask(note, "background")
    cancel()
    return response


async def cancels_before_it_reads(request: Any, call_next: Any, note: Any) -> Any:
    """The response is there, and not read."""
    response = await call_next(request)
    cancel()
    try:
        async for chunk in response.body_iterator:
            note(chunk)
    except asyncio.CancelledError:
        note("cancelled")
    return response


STACKS = [
    *((first,) for first in (cancels_before_it_answers, adds_a_task_first, cancels_before_it_reads)),
    *((first, passes) for first in (cancels_before_it_answers, adds_a_task_first)),
    *((passes, last) for last in (cancels_before_it_answers, adds_a_task_first)),
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: "-".join(one.__name__ for one in stack))
def test_a_dispatch_function_that_cancels_its_request(stack: tuple[Any, ...], path: str) -> None:
    """The head is the last that is sent; one further out learns of no response."""
    (outcome,) = duel(app_with(*stack), Call(path))
    bodies = [one["body"] for one in outcome.journal if isinstance(one, dict) and one.get("body")]
    assert bodies in ([], [b"Internal Server Error"])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("dispatch", [passes, sets_background, wraps_response], ids=lambda one: one.__name__)
@pytest.mark.parametrize("sent", [1, 2])
def test_cancelled_while_a_message_is_sent(dispatch: Any, path: str, sent: int) -> None:
    """Behind the head, and behind the only chunk: what the child does at its end is ended too."""
    duel(app_with(dispatch), Call(path, cancelled_after=sent))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("dispatch", [passes, sets_background], ids=lambda one: one.__name__)
@pytest.mark.parametrize("sent", [1, 2])
def test_a_scope_further_out_that_ends_while_a_message_is_sent(dispatch: Any, path: str, sent: int) -> None:
    """As anyio cancels."""

    class Scoped:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            messages = 0

            async def counting(message: Message) -> None:
                nonlocal messages
                messages += 1
                await send(message)
                if messages == sent:
                    around.cancel()

            with anyio.CancelScope() as around:
                await self.app(scope, receive, counting)

    def make(journal: Journal) -> FastAPI:
        app = app_with(dispatch)(journal)
        app.add_middleware(Scoped)
        return app

    duel(make, Call(path))


@pytest.mark.parametrize("stack", [(sees,), (sees, sees)], ids=["one", "two"])
def test_an_endpoint_that_cancels_itself(stack: tuple[Any, ...]) -> None:
    """Its response is not sent: the stream in front of it is a pause."""

    def make(journal: Journal) -> FastAPI:
        app = app_with(*stack)(journal)

        @app.get("/planned")
        async def planned() -> dict[str, int]:
            cancel()
            return {}

        raw: Any = AnswersAndCancels()
        app.add_route("/raw", raw)
        return app

    duel(make, Call("/planned"), Call("/raw"))


class AnswersAndCancels:
    """An ASGI application as a route, which is cancelled between its two messages."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """In one step."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        cancel()
        await send({"type": "http.response.body", "body": b"x"})
