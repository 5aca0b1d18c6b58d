"""The test client runs FastAPI apps from plans, and what a test changes counts for its next request."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref

import fastapi.routing
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import PlainTextResponse
from starlette.responses import Response

import turboapi.testclient.plans as client_plans
from turboapi.plans import status
from turboapi.plans.live import RequestCounts
from turboapi.testclient import TestClient


@pytest.fixture(autouse=True)
def plans_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_plans, "test_plans", "on")


def counts(app: FastAPI) -> RequestCounts:
    found = status(app)
    assert found is not None
    return found["requests"]


def one() -> int:
    return 1


def make_app() -> FastAPI:
    app = FastAPI()

    @app.get("/items/{number}")
    def read(number: int, value: int = Depends(one)) -> dict[str, int]:
        return {"number": number, "value": value}

    return app


def test_requests_are_counted_by_who_answered_them() -> None:
    app = make_app()
    client = TestClient(app)
    assert client.get("/items/1").json() == {"number": 1, "value": 1}
    assert client.get("/items/x").status_code == 422
    assert client.get("/docs").status_code == 200
    assert counts(app) == {"native": 1, "python": 0, "refused": 1, "unplanned": 1, "off": 0, "middleware": 0}


def test_an_override_counts_at_once_and_so_does_its_end() -> None:
    app = make_app()
    client = TestClient(app)
    values = []
    for override in (None, 2, 3, None):
        app.dependency_overrides.clear()
        if override is not None:
            app.dependency_overrides[one] = lambda value=override: value
        # A default of a lambda's parameter is a query parameter to FastAPI; it is not sent here.
        values.append(client.get("/items/1").json()["value"])
    assert values == [1, 2, 3, 1]
    assert counts(app)["native"] == 4


def test_a_new_dictionary_of_overrides_counts_at_once() -> None:
    app = make_app()
    client = TestClient(app)
    assert client.get("/items/1").json()["value"] == 1
    app.dependency_overrides = {one: lambda: 5}
    assert client.get("/items/1").json()["value"] == 5


def test_routes_added_after_the_first_request() -> None:
    app = make_app()
    client = TestClient(app)
    assert client.get("/late").status_code == 404

    @app.get("/late")
    async def late() -> str:
        return "late"

    assert client.get("/late").json() == "late"
    router = APIRouter()

    @router.get("/included")
    async def included() -> str:
        return "included"

    app.include_router(router, prefix="/v1")
    assert client.get("/v1/included").json() == "included"

    @router.get("/more")
    async def more() -> str:
        return "more"

    assert client.get("/v1/more").json() == "more"
    app.router.routes.clear()
    assert client.get("/late").status_code == 404


def test_middleware_and_handlers_set_between_requests() -> None:
    app = make_app()
    client = TestClient(app)
    assert client.get("/items/1").status_code == 200

    async def teapot(request: Request, error: Exception) -> Response:
        return PlainTextResponse("teapot", 418)

    app.add_exception_handler(ZeroDivisionError, teapot)

    @app.get("/divide")
    async def divide() -> float:
        return 1 / 0

    app.middleware_stack = None
    assert client.get("/divide").status_code == 418


def test_a_patched_function_of_fastapi_counts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app()
    client = TestClient(app)
    assert client.get("/items/1").json()["number"] == 1

    async def serialized(**_: object) -> bytes:
        return b'{"patched": true}'

    monkeypatch.setattr(fastapi.routing, "serialize_response", serialized)
    assert client.get("/items/1").json() == {"patched": True}
    monkeypatch.undo()
    assert client.get("/items/1").json()["number"] == 1


def test_a_patched_endpoint_counts_at_once() -> None:
    app = make_app()
    client = TestClient(app)
    assert client.get("/items/1").json()["number"] == 1
    route = next(route for route in app.routes if getattr(route, "path", "") == "/items/{number}")

    def other(number: int, value: int) -> dict[str, int]:
        return {"other": value}

    route.dependant.call = other  # type: ignore[attr-defined]
    assert client.get("/items/1").json() == {"other": 1}


def test_off_leaves_everything_to_fastapi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_plans, "test_plans", "off")
    app = make_app()
    assert TestClient(app).get("/items/1").status_code == 200
    assert status(app) is None


def test_forced_runs_def_callables_inline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_plans, "test_plans", "forced")
    app = make_app()
    TestClient(app).get("/items/1")
    found = status(app)
    assert found is not None
    assert {state["state"] for state in found["sync"]} == {"inline"}


def test_a_wrong_setting_is_an_error() -> None:
    environment = {**os.environ, "TURBOAPI_TEST_PLANS": "maybe"}
    result = subprocess.run(
        [sys.executable, "-c", "import turboapi.testclient"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "TURBOAPI_TEST_PLANS is 'maybe'; use one of on, off, forced" in result.stderr


def test_apps_are_freed_with_their_clients() -> None:
    def use() -> weakref.ref[FastAPI]:
        app = make_app()
        first, second = TestClient(app), TestClient(app)
        assert first.get("/items/1").json() == second.get("/items/1").json()
        return weakref.ref(app)

    app = use()
    gc.collect()
    gc.collect()
    assert app() is None
