"""What native plans do around the user's calls: order, threads, ends, and lifetimes."""

from __future__ import annotations

import contextvars
import gc
import logging
import threading
import weakref
from collections.abc import Iterator
from types import ModuleType
from typing import Annotated, Any

import pytest
import uvicorn
from fastapi import BackgroundTasks, Body, Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, field_validator

import turboapi
from tests.plans.served import served
from turboapi.plans import status
from turboapi.plans.application import plans_of
from turboapi.plans.live import RequestCounts


class Item(BaseModel):
    number: int


def tiers(app: FastAPI) -> dict[str, str]:
    plans = plans_of(app)
    assert plans is not None
    plans.refresh()
    return {route.effective.path: route.compiled.tier for route in plans.routes()}


def requests(app: FastAPI) -> RequestCounts:
    found = status(app)
    assert found is not None
    return found["requests"]


def test_a_response_is_out_before_its_background_task_blocks_the_loop() -> None:
    """uvicorn has written the response by then; code that blocks must not hold it back."""
    app = FastAPI()
    received = threading.Event()
    waited: list[bool] = []

    async def block() -> None:
        waited.append(received.wait(10))

    @app.get("/")
    async def read(tasks: BackgroundTasks) -> str:
        tasks.add_task(block)
        return "done"

    with served(app) as client:
        assert client.get("/").json() == "done"
        received.set()
    assert waited == [True]
    assert tiers(app)["/"] == "native"


@pytest.mark.parametrize("package", [turboapi, uvicorn], ids=["engine", "uvicorn"])
@pytest.mark.parametrize("fields", [0, 3, 8, 40])
def test_a_response_has_nothing_of_the_requests_fields(package: ModuleType, fields: int) -> None:
    """The engine writes a response's fields where the request's were, if these were few."""
    app = FastAPI()

    @app.get("/")
    async def read() -> str:
        return "answer"

    sent = {f"x-{number}": "sent" for number in range(fields)} | {"expect": "100-continue"}
    with served(app, package) as client:
        for _ in range(3):
            response = client.get("/", headers=sent)
            assert response.json() == "answer"
            assert sorted(response.headers) == ["content-length", "content-type", "date", "server"]
            assert response.headers["content-length"] == "8"


def test_foreign_objects_are_validated_on_a_worker_thread() -> None:
    """The attributes of a row may query a database: FastAPI validates for `def` endpoints in a thread."""
    app = FastAPI()
    threads: dict[str, int] = {}

    class Row:
        @property
        def name(self) -> str:
            threads["row"] = threading.get_ident()
            return "x"

    class Out(BaseModel):
        model_config = ConfigDict(from_attributes=True)
        name: str

    @app.get("/row", response_model=Out)
    def row() -> Any:
        return Row()

    @app.get("/loop", response_model=Out)
    async def loop() -> Any:
        threads["loop"] = threading.get_ident()
        return Row()

    with served(app, sync_mode="inline") as client:
        assert client.get("/loop").json() == {"name": "x"}
        assert threads["row"] == threads["loop"]
        assert client.get("/row").json() == {"name": "x"}
        assert threads["row"] != threads["loop"]
        assert requests(app)["native"] == 2


def test_an_app_that_rebuilds_its_middleware_in_a_handler_still_answers_for_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What has run must not run again, whatever became of the stack that its exception goes through."""
    app = FastAPI()
    calls: list[str] = []

    @app.exception_handler(KeyError)
    async def on_key_error(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": repr(error)}, 418)

    @app.get("/handled")
    async def handled() -> None:
        calls.append("handled")
        app.middleware_stack = None
        raise KeyError("x")

    @app.get("/unhandled")
    def unhandled() -> None:
        calls.append("unhandled")
        app.middleware_stack = None
        raise ValueError("y")

    with served(app) as client, caplog.at_level(logging.ERROR):
        response = client.get("/handled")
        assert (response.status_code, response.json()) == (418, {"error": "KeyError('x')"})
        assert client.get("/unhandled").status_code == 500
        assert client.get("/handled").status_code == 418
    assert calls == ["handled", "unhandled", "handled"]


def test_a_stream_that_fails_ends_its_connection_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The exception goes through the middleware although the response has begun."""
    app = FastAPI()

    @app.get("/")
    async def read() -> StreamingResponse:
        def parts() -> Iterator[bytes]:
            yield b"part"
            raise ValueError("in the middle")

        return StreamingResponse(parts())

    with served(app) as client, caplog.at_level(logging.ERROR), pytest.raises(Exception, match="peer closed"):
        client.get("/")
    assert "ValueError: in the middle" in caplog.text


def test_routes_declared_while_serving_are_served() -> None:
    app = FastAPI()

    @app.get("/a")
    def read_a() -> str:
        return "a"

    with served(app) as client:
        assert client.get("/b").status_code == 404

        @app.get("/b")
        def read_b() -> str:
            return "b"

        assert client.get("/b").json() == "b"
        app.router.routes.pop()
        assert client.get("/b").status_code == 404
        assert requests(app) == {
            "native": 1,
            "python": 0,
            "refused": 0,
            "unplanned": 2,
            "off": 0,
            "middleware": 0,
        }


def test_applications_with_plans_are_collected() -> None:
    def use() -> weakref.ref[FastAPI]:
        app = FastAPI()

        def dependency() -> Iterator[int]:
            yield 1

        @app.post("/native/{number}")
        def native(number: int, item: Item) -> Item:
            return item

        @app.get("/python")
        async def python(value: int = Depends(dependency)) -> int:
            return value

        assert {"native", "python"} <= set(tiers(app).values())
        return weakref.ref(app)

    app = use()
    gc.collect()
    assert app() is None


class Checked(BaseModel):
    name: str
    size: int = 1

    @field_validator("name")
    @classmethod
    def check_name(cls, name: str) -> str:
        EVENTS.append(f"validate {name}")
        VARIABLE.set(name)
        if name == "bad":
            raise ValueError("a bad name")
        if name == "teapot":
            raise HTTPException(418, "no coffee")
        return name.upper()


EVENTS: list[str] = []
VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def make_checked_app() -> FastAPI:
    app = FastAPI()

    async def sign_in(token: str = "") -> str:
        EVENTS.append("sign in")
        if token == "wrong":
            raise HTTPException(401, "who are you")
        return token

    @app.post("/one/{number}")
    async def one(number: int, body: Checked, token: str = Depends(sign_in)) -> dict[str, Any]:
        EVENTS.append("one")
        return {"number": number, "body": body, "token": token, "variable": VARIABLE.get()}

    @app.post("/two")
    def two(first: Checked, second: Checked | None = None, third: Annotated[int, Body()] = 3) -> list[Any]:
        EVENTS.append("two")
        return [first, second, third, VARIABLE.get()]

    return app


@pytest.mark.parametrize("path", ["/one/1?token=x", "/one/1?token=wrong", "/one/x", "/two"])
@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "a"}',
        b'{"name": "bad"}',
        b'{"name": "teapot"}',
        b'{"name": "a", "size": "x"}',
        b'{"first": {"name": "a"}}',
        b'{"first": {"name": "bad"}, "second": {"name": "bad", "size": 2.5}, "third": "x"}',
        b'{"first": {"name": "a"}, "second": {"name": "b"}, "third": 7}',
        b"null",
        b"[]",
        b"{",
        b"",
    ],
)
def test_validators_of_the_user_run_once_and_after_the_dependencies(path: str, body: bytes) -> None:
    """Validation is a call of its own: order, number and context of its effects are FastAPI's."""
    seen = []
    for plans in (False, True):
        app = make_checked_app()
        EVENTS.clear()
        with served(app, route_plans=plans, sync_mode="inline") as client:
            response = client.post(path, content=body, headers={"content-type": "application/json"})
        seen.append((response.status_code, response.json(), list(EVENTS)))
        if plans:
            assert {tiers(app)[one] for one in ("/one/{number}", "/two")} == {"native"}
    assert seen[0] == seen[1]
