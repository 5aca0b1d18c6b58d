"""What is changed after plans have answered counts for the next request, exactly as in FastAPI alone."""

from __future__ import annotations

import asyncio
import json
import re
from collections import UserDict
from collections.abc import Callable
from functools import wraps
from typing import Any
from unittest import mock

import fastapi.dependencies.utils
import fastapi.routing
import pytest
import starlette.middleware.errors
import starlette.requests
import starlette.responses
import starlette.routing
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi._compat.v2 import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from turboapi.plans.application import ApplicationPlans

Change = Callable[[FastAPI, Callable[[Any, str, Any], None]], None]
"""Changes an application; the second argument replaces an attribute until the test is over."""

CHANGES: dict[str, tuple[Change, dict[str, Any]]] = {}


def change(method: str = "GET", path: str = "/items/1", body: bytes = b"") -> Callable[[Change], Change]:
    """Registers a change, with the request that shows it."""

    def register(function: Change) -> Change:
        CHANGES[function.__name__] = function, {"method": method, "path": path, "body": body}
        return function

    return register


def one() -> int:
    return 1


class Item(BaseModel):
    number: int = 0


def make_app() -> FastAPI:
    app = FastAPI()

    @app.get("/items/{number}")
    async def read(number: int, value: int = Depends(one)) -> Any:
        return {"number": number, "value": value}

    @app.post("/items")
    async def create(item: Item) -> Item:
        return item

    @app.get("/missing")
    async def missing() -> None:
        raise HTTPException(404)

    router = APIRouter()

    @router.get("/included")
    async def included() -> str:
        return "included"

    app.include_router(router, prefix="/v1")
    return app


def route_of(app: FastAPI, path: str = "/items/{number}") -> Any:
    return next(route for route in app.routes if getattr(route, "path", None) == path)


def included_router(app: FastAPI) -> APIRouter:
    [included] = [route for route in app.router.routes if isinstance(route, fastapi.routing._IncludedRouter)]
    return included.original_router


def answers(status: int) -> Any:
    async def answer(*arguments: Any) -> None:
        send = arguments[-1]
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return answer


async def handled(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"handled": True}, status_code=418)


@change()
def route_gets_another_app(app: FastAPI, replace: Any) -> None:
    route_of(app).app = answers(299)


@change()
def route_gets_other_methods(app: FastAPI, replace: Any) -> None:
    route_of(app).methods = {"PUT"}


@change()
def route_gets_another_path(app: FastAPI, replace: Any) -> None:
    route_of(app).path_regex = re.compile("^/elsewhere/(?P<number>[^/]+)$")


@change()
def dependency_calls_something_else(app: FastAPI, replace: Any) -> None:
    route_of(app).dependant.dependencies[0].call = lambda: 77


@change()
def dependants_look_up_their_call(app: FastAPI, replace: Any) -> None:
    slot = vars(Dependant)["call"]

    def call(dependant: Dependant) -> Any:
        called = slot.__get__(dependant)
        return (lambda: 77) if called is one else called

    replace(Dependant, "call", property(call, slot.__set__))


@change()
def overrides_are_filled(app: FastAPI, replace: Any) -> None:
    app.dependency_overrides[one] = lambda: 5


@change()
def overrides_are_no_dict(app: FastAPI, replace: Any) -> None:
    app.dependency_overrides = UserDict({one: lambda: 5})  # type: ignore[assignment]


@change()
def overrides_are_a_dict_of_their_own_kind(app: FastAPI, replace: Any) -> None:
    class Overrides(dict[Any, Any]):
        def get(self, key: Any, default: Any = None) -> Any:
            return (lambda: 99) if key is one else default

    app.dependency_overrides = Overrides(unused=None)


@change()
def routes_are_removed(app: FastAPI, replace: Any) -> None:
    del app.router.routes[:]


@change(path="/v1/included")
def included_routes_are_removed(app: FastAPI, replace: Any) -> None:
    included_router(app).routes.clear()


@change(path="/v1/included")
def included_route_gets_another_app(app: FastAPI, replace: Any) -> None:
    included_router(app).routes[0].app = answers(299)  # type: ignore[attr-defined]


@change()
def router_gets_middleware(app: FastAPI, replace: Any) -> None:
    app.router.middleware_stack = answers(295)


@change()
def app_gets_another_router(app: FastAPI, replace: Any) -> None:
    app.router = APIRouter()


@change()
def app_gets_another_router_and_stack(app: FastAPI, replace: Any) -> None:
    app.router = APIRouter()
    app.middleware_stack = None


@change()
def app_gets_a_root_path(app: FastAPI, replace: Any) -> None:
    app.root_path = "/items"


@change(path="/missing")
def handler_of_a_status_is_added(app: FastAPI, replace: Any) -> None:
    exception_middleware(app).add_exception_handler(404, handled)


@change(path="/missing")
def handler_of_a_class_is_added(app: FastAPI, replace: Any) -> None:
    exception_middleware(app).add_exception_handler(HTTPException, handled)


@change(path="/missing")
def handlers_are_built_anew(app: FastAPI, replace: Any) -> None:
    app.exception_handlers[HTTPException] = handled
    app.middleware_stack = None


def exception_middleware(app: FastAPI) -> Any:
    middleware: Any = app.middleware_stack
    while type(middleware).__name__ != "ExceptionMiddleware":
        middleware = middleware.app
    return middleware


@change()
def response_renders_otherwise(app: FastAPI, replace: Any) -> None:
    replace(JSONResponse, "render", lambda self, content: b'"patched"')


@change(path="/missing")
def error_renders_otherwise(app: FastAPI, replace: Any) -> None:
    replace(JSONResponse, "render", lambda self, content: b'"patched"')


@change()
def response_is_sent_otherwise(app: FastAPI, replace: Any) -> None:
    replace(starlette.responses.Response, "__call__", answers(298))


@change()
def request_is_made_otherwise(app: FastAPI, replace: Any) -> None:
    original = starlette.requests.Request.__init__

    def init(self: Any, scope: Any, *arguments: Any) -> None:
        scope["path_params"] = {"number": "42"}
        original(self, scope, *arguments)

    replace(starlette.requests.Request, "__init__", init)


@change("POST", "/items", b'{"number": 1}')
def body_is_read_otherwise(app: FastAPI, replace: Any) -> None:
    async def body(self: Any) -> bytes:
        return b'{"number": 55}'

    replace(starlette.requests.Request, "body", body)


@change("POST", "/items", b'{"number": 1}')
def json_loads_otherwise(app: FastAPI, replace: Any) -> None:
    replace(json, "loads", lambda *arguments, **options: {"number": 66})


@change()
def json_dumps_otherwise(app: FastAPI, replace: Any) -> None:
    replace(json, "dumps", lambda *arguments, **options: '"patched"')


@change()
def endpoint_is_run_otherwise(app: FastAPI, replace: Any) -> None:
    async def run(**_: Any) -> Any:
        return {"patched": True}

    replace(fastapi.routing, "run_endpoint_function", run)


@change()
def parameters_are_taken_otherwise(app: FastAPI, replace: Any) -> None:
    replace(fastapi.dependencies.utils, "request_params_to_args", lambda fields, values: ({}, []))


@change()
def values_are_validated_otherwise(app: FastAPI, replace: Any) -> None:
    replace(ModelField, "validate", lambda self, value, values=None, *, loc=(): (123, []))


@change()
def value_is_encoded_otherwise(app: FastAPI, replace: Any) -> None:
    replace(fastapi.routing, "jsonable_encoder", lambda *arguments, **options: {"patched": True})


@change()
def route_is_handled_otherwise(app: FastAPI, replace: Any) -> None:
    replace(fastapi.routing.APIRoute, "handle", answers(297))


@change()
def route_matches_nothing(app: FastAPI, replace: Any) -> None:
    nothing = starlette.routing.Match.NONE, dict[str, Any]()
    replace(fastapi.routing.APIRoute, "matches", lambda self, scope: nothing)


@change()
def router_answers_otherwise(app: FastAPI, replace: Any) -> None:
    replace(starlette.routing.Router, "__call__", answers(296))


@change()
def app_is_called_otherwise(app: FastAPI, replace: Any) -> None:
    replace(FastAPI, "__call__", answers(294))


Messages = list[Any]


async def ask(app: FastAPI, method: str, path: str, body: bytes) -> Messages:
    messages = [{"type": "http.request", "body": body}]
    sent: Messages = []

    async def receive() -> Any:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"application/json")],
        "client": None,
        "server": ("test", 80),
    }
    try:
        await app(scope, receive, send)
    except Exception as error:
        sent.append(repr(error))
    return sent


Asked = tuple[Messages, Messages, Messages]


def observe(name: str, prepare: Callable[[FastAPI], None]) -> Asked:
    """The answers before a change, after it, and after everything replaced is as it was."""
    function, request = CHANGES[name]
    app = make_app()

    async def answers() -> Asked:
        prepare(app)
        before = await ask(app, **request)
        patches = []

        def replace(owner: Any, attribute: str, value: Any) -> None:
            patches.append(mock.patch.object(owner, attribute, value))
            patches[-1].start()

        try:
            function(app, replace)
            prepare(app)
            after = await ask(app, **request)
        finally:
            for patch in patches:
                patch.stop()
        prepare(app)
        return before, after, await ask(app, **request)

    return asyncio.run(answers())


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_counts_as_in_fastapi(name: str) -> None:
    expected = observe(name, lambda app: None)
    made: list[ApplicationPlans] = []

    def ensure(app: FastAPI) -> None:
        if not made:
            made.append(ApplicationPlans(app))
        made[0].table.ensure()

    assert observe(name, ensure) == expected
    [plans] = made
    counts = plans.table.counts()
    assert counts["native"] + counts["python"] >= 1


def test_plans_come_back_when_a_patch_ends() -> None:
    made: list[ApplicationPlans] = []

    def ensure(app: FastAPI) -> None:
        if not made:
            made.append(ApplicationPlans(app))
        assert made[0].table.ensure()

    observe("response_renders_otherwise", ensure)
    assert made[0].table.counts()["native"] == 2


def test_middleware_of_fastapis_that_was_replaced_is_passed_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """Agents wrap methods of stock middleware; a native route must not answer without them."""
    cls = starlette.middleware.errors.ServerErrorMiddleware
    original = cls.__call__

    @wraps(original)
    async def traced(self: Any, *arguments: Any) -> None:
        await original(self, *arguments)

    app = make_app()
    plans = ApplicationPlans(app)
    plans.table.ensure()
    assert plans.stack is not None
    assert plans.stack.direct
    monkeypatch.setattr(cls, "__call__", traced)
    plans.table.ensure()
    assert not plans.stack.direct
    monkeypatch.undo()
    plans.table.ensure()
    assert plans.stack.direct


def test_a_method_replaced_before_compiling_leaves_routes_to_fastapi(monkeypatch: pytest.MonkeyPatch) -> None:
    original = JSONResponse.render

    @wraps(original)
    def traced(self: Any, content: Any) -> Any:
        return original(self, content)

    monkeypatch.setattr(JSONResponse, "render", traced)
    plans = ApplicationPlans(make_app())
    plans.table.ensure()
    reasons = {planned.compiled.reason for planned in plans.routes() if planned.effective.app is not None}
    assert reasons == {"starlette.responses.JSONResponse.render was replaced"}
