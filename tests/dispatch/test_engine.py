"""Dispatch functions with their substitutes on the engine: the wire, and what is left in memory."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from starlette.middleware.base import BaseHTTPMiddleware, _StreamingResponse
from starlette.responses import StreamingResponse
from starlette.testclient import TestClient

from tests.plans.served import served
from turboapi.plans.application import existing_plans
from turboapi.plans.dispatch.substitute import Substitute
from turboapi.plans.explain import explain, explain_plans

CallNext = Callable[[Request], Awaitable[Response]]
ROUNDS = 50


def make_app(seen: Callable[[Request], None] = lambda request: None) -> FastAPI:
    """Three dispatch functions in front of routes that answer, wait, stream and fail."""
    app = FastAPI()

    for number in range(3):

        @app.middleware("http")
        async def mark(request: Request, call_next: CallNext, number: int = number) -> Response:
            seen(request)
            response = await call_next(request)
            response.headers[f"x-mark-{number}"] = "1"
            return response

    @app.get("/")
    async def plain(q: int = 0) -> dict[str, int]:
        return {"q": q}

    @app.get("/waits", response_model=None)
    async def waits() -> dict[str, str]:
        await asyncio.sleep(0)
        return {}

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def produce() -> AsyncIterator[bytes]:
            for number in range(3):
                yield b"%d" % number

        return StreamingResponse(produce())

    @app.get("/fails")
    async def fails() -> None:
        raise ValueError

    @app.post("/echo", response_model=None)
    async def echo(body: dict[str, int]) -> dict[str, int]:
        return body

    return app


def answer(client: httpx.Client, path: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """What came back, without what names the server or the time.

    On a connection of its own: that of a request that failed is closed, before or after the next is sent.
    """
    headers = {"connection": "close"}
    if path == "/echo":
        response = client.post(path, json={"a": 1}, headers=headers)
    else:
        response = client.get(path, headers=headers)
    skipped = (b"date", b"server", b"connection", b"transfer-encoding")
    kept = [pair for pair in response.headers.raw if pair[0].lower() not in skipped]
    return response.status_code, kept, response.content


PATHS = ("/", "/?q=3", "/?q=x", "/waits", "/stream", "/fails", "/echo", "/missing")


def test_the_engine_answers_as_starlette() -> None:
    """The same bytes as the stock test client gets from Starlette alone."""
    with TestClient(make_app(), raise_server_exceptions=False) as client:
        expected = [answer(client, path) for path in PATHS]  # type: ignore[arg-type]
    app = make_app()
    with served(app) as client:
        assert [answer(client, path) for path in PATHS] == expected
        plans = existing_plans(app)
        assert plans is not None
        assert plans.table.counts()["native"] >= 4
        assert plans.stack is not None
        assert plans.stack.front is not None


@pytest.mark.skipif(
    not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="counts are deferred without a GIL"
)
@pytest.mark.parametrize("path", ["/", "/waits", "/stream", "/echo"])
def test_a_request_is_freed_without_the_collector(path: str) -> None:
    """No reference cycle holds a request that went well (Starlette's own task group leaves none either)."""
    references: list[weakref.ref[Request]] = []
    app = make_app(lambda request: references.append(weakref.ref(request)))
    with served(app) as client:
        answer(client, path)
        gc.collect()
        references.clear()
        gc.disable()
        try:
            for _ in range(ROUNDS):
                answer(client, path)
            # The last one may not have left its frames yet.
            alive = sum(reference() is not None for reference in references[: -3 * 2])
        finally:
            gc.enable()
    assert len(references) == 3 * ROUNDS
    assert alive == 0


def test_requests_that_fail_are_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Starlette's exceptions refer to in circles is garbage all the same."""
    # pytest keeps what is logged, with its traceback.
    monkeypatch.setattr(logging.getLogger("uvicorn.error"), "disabled", True)
    references: list[weakref.ref[Request]] = []
    app = make_app(lambda request: references.append(weakref.ref(request)))
    with served(app) as client:
        for _ in range(ROUNDS):
            assert answer(client, "/fails")[0] == 500
        answer(client, "/")
        gc.collect()
        assert sum(reference() is not None for reference in references[: -3 * 2]) == 0


def test_a_method_that_is_replaced_while_the_app_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Agents wrap Starlette's methods; they are called from the next request on."""
    called = []
    original = _StreamingResponse.__call__

    async def wrapped(self: Any, scope: Any, receive: Any, send: Any) -> None:
        called.append(scope["path"])
        await original(self, scope, receive, send)

    app = make_app()
    with served(app) as client:
        assert answer(client, "/")[0] == 200
        with monkeypatch.context() as patch:
            patch.setattr(_StreamingResponse, "__call__", wrapped)
            assert answer(client, "/")[0] == 200
        assert called == ["/"] * 3
        plans = existing_plans(app)
        assert plans is not None
        assert answer(client, "/")[0] == 200
        assert called == ["/"] * 3


def test_what_is_left_to_starlette() -> None:
    """A subclass with a call of its own; one that only has a dispatch is run here."""

    class Own(BaseHTTPMiddleware):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await super().__call__(scope, receive, send)

    class Dispatching(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: Any) -> Response:
            response: Response = await call_next(request)
            return response

    app = make_app()
    app.user_middleware.clear()
    app.add_middleware(Own, dispatch=lambda request, call_next: call_next(request))
    app.add_middleware(Dispatching)
    middleware = explain(app)["middleware"]
    assert middleware is not None
    assert [layer["reason"] for layer in middleware["layers"]] == [
        "dispatch without a task group",
        "dispatch by Starlette: Own overrides __call__",
    ]
    with served(app) as client:
        assert answer(client, "/")[0] == 200
    plans = existing_plans(app)
    assert plans is not None
    assert explain_plans(plans)["middleware"] == middleware
    # Whoever looks for a middleware in the stack still finds it.
    found = [type(one) for one in (plans.stack.chain if plans.stack else ())]
    assert found.index(Dispatching) == found.index(Substitute) + 1
