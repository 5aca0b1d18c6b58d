"""Middleware that changes while the app runs: the engine notices, as Starlette does, who looks each time."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
import starlette.middleware.cors
import starlette.middleware.gzip
import starlette.middleware.trustedhost
from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware, GZipResponder
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.middleware.layers import PassingOn
from tests.middleware.servers import bridge, engine, running
from turboapi.plans.application import existing_plans

ORIGIN = "https://a.example"
REQUESTS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("GET", "/", {}),
    ("GET", "/", {"Origin": ORIGIN}),
    ("GET", "/", {"Origin": "https://late.example"}),
    ("OPTIONS", "/", {"Origin": "https://late.example", "Access-Control-Request-Method": "PUT"}),
    ("GET", "/", {"Host": "late.test"}),
    ("GET", "/long", {"Origin": ORIGIN, "Accept-Encoding": "gzip"}),
)

Change = Callable[[FastAPI, pytest.MonkeyPatch], object]
CHANGES: dict[str, Change] = {}


def change(function: Change) -> Change:
    """A change of an app, or of what all apps share."""
    CHANGES[function.__name__] = function
    return function


def make_app() -> FastAPI:
    """An app that the engine serves without Starlette's middleware."""
    app = FastAPI()
    app.add_middleware(CORSMiddleware, allow_origins=[ORIGIN])
    app.add_middleware(GZipMiddleware, minimum_size=100)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1"])

    @app.get("/")
    async def index() -> dict[str, int]:
        return {"n": 1}

    @app.get("/long")
    async def long() -> str:
        return "long " * 100

    @app.get("/change")
    async def changing() -> dict[str, int]:
        found(app, CORSMiddleware).simple_headers["Access-Control-Allow-Credentials"] = "true"
        return {"n": 2}

    return app


def found(app: FastAPI, cls: type) -> Any:
    """The instance of `cls` in the stack of `app`."""
    one: Any = app.middleware_stack
    while type(one) is not cls:
        one = one.app
    return one


@change
def an_origin_is_added(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> object:
    return found(app, CORSMiddleware).allow_origins.append("https://late.example")


@change
def origins_are_replaced(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> object:
    found(app, CORSMiddleware).allow_origins = {"https://late.example"}
    return None


@change
def a_pattern_is_set(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> object:
    found(app, CORSMiddleware).allow_origin_regex = re.compile(".*late.*")
    return None


@change
def a_method_is_added(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> object:
    cors = found(app, CORSMiddleware)
    cors.allow_methods = (*cors.allow_methods, "PUT")
    return None


@change
def a_fixed_header_changes(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> object:
    found(app, CORSMiddleware).simple_headers["Access-Control-Expose-Headers"] = "X-Late"
    return None


@change
def a_foreign_header_is_fixed(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> object:
    found(app, CORSMiddleware).preflight_headers["X-Late"] = "1"
    return None


@change
def an_instance_gets_a_method(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> object:
    found(app, CORSMiddleware).is_allowed_origin = lambda origin: True
    return None


@change
def a_host_is_added(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> object:
    return found(app, TrustedHostMiddleware).allowed_hosts.append("late.test")


@change
def a_size_changes(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> object:
    found(app, GZipMiddleware).minimum_size = 10_000
    return None


@change
def the_inside_is_wrapped(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> object:
    inside = found(app, GZipMiddleware)
    inside.app = PassingOn(inside.app)
    return None


@change
def the_stack_is_built_anew(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> object:
    app.user_middleware.pop(0)
    app.middleware_stack = None
    return None


@change
def an_attribute_is_deleted_and_set(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> object:
    gzip = found(app, GZipMiddleware)
    level = gzip.compresslevel
    del gzip.compresslevel
    gzip.compresslevel = level - 8
    return None


@change
def a_class_gets_another_send(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> object:
    original = CORSMiddleware.send

    async def send(self: Any, message: Any, *arguments: Any, **keywords: Any) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"x-late", b"1")]
        await original(self, message, *arguments, **keywords)

    return monkeypatch.setattr(CORSMiddleware, "send", send)


@change
def a_class_gets_another_call(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> object:
    async def call(self: Any, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    return monkeypatch.setattr(TrustedHostMiddleware, "__call__", call)


@change
def a_static_method_changes(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> object:
    def allow(headers: MutableHeaders, origin: str) -> None:
        headers["x-late"] = origin

    return monkeypatch.setattr(CORSMiddleware, "allow_explicit_origin", staticmethod(allow))


@change
def a_responder_changes(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> object:
    return monkeypatch.setattr(GZipResponder, "_compress_body", lambda self, body, more_body: b"late")


@change
def a_name_in_a_module_changes(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> object:
    class Late(PlainTextResponse):
        media_type = "text/late"

    monkeypatch.setattr(starlette.middleware.trustedhost, "PlainTextResponse", Late)
    return monkeypatch.setattr(starlette.middleware.cors, "PlainTextResponse", Late)


@change
def zlib_changes(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> object:
    original = zlib.compressobj
    return monkeypatch.setattr(zlib, "compressobj", lambda level, *rest: original(1, *rest))


@change
def headers_are_set_otherwise(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> object:
    original = MutableHeaders.__setitem__

    def set_otherwise(self: MutableHeaders, key: str, value: str) -> None:
        original(self, key, value + ", late")

    return monkeypatch.setattr(MutableHeaders, "__setitem__", set_otherwise)


@change
def something_stands_around_the_stack(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> object:
    assert app.middleware_stack is not None
    app.middleware_stack = PassingOn(app.middleware_stack)
    return None


def answers(client: httpx.Client) -> list[tuple[int, list[tuple[bytes, bytes]], bytes]]:
    """What the table of requests comes to."""
    found = []
    for method, path, headers in REQUESTS:
        with client.stream(method, path, headers={"Accept-Encoding": "", **headers}) as response:
            body = b"".join(response.iter_raw())
        own = [pair for pair in response.headers.raw if pair[0].lower() not in (b"date", b"server")]
        found.append((response.status_code, own, body))
    return found


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before and after, and when a change of what all apps share is taken back."""
    theirs, ours = make_app(), make_app()
    with ExitStack() as stopping:
        clients = []
        for server in (bridge(theirs), engine(ours)):
            host, port = stopping.enter_context(running(server))
            clients.append(stopping.enter_context(httpx.Client(base_url=f"http://{host}:{port}")))
        before = [answers(client) for client in clients]
        assert before[0] == before[1]
        plans = existing_plans(ours)
        assert plans is not None
        assert plans.stack is not None
        assert plans.stack.direct
        for app in (theirs, ours):
            CHANGES[name](app, monkeypatch)
        after = [answers(client) for client in clients]
        assert after[0] == after[1]
        assert after[0] != before[0]
        monkeypatch.undo()
        undone = [answers(client) for client in clients]
        assert undone[0] == undone[1]


def test_a_change_by_the_endpoint_counts_for_its_own_answer() -> None:
    """The response passes the middleware after the call."""
    theirs, ours = make_app(), make_app()
    with ExitStack() as stopping:
        found = []
        for server in (bridge(theirs), engine(ours)):
            host, port = stopping.enter_context(running(server))
            with httpx.Client(base_url=f"http://{host}:{port}") as client:
                headers = client.get("/change", headers={"Origin": ORIGIN}).headers
                found.append([pair for pair in headers.raw if pair[0] not in (b"date", b"server")])
        assert found[0] == found[1]
        assert (b"access-control-allow-credentials", b"true") in found[1]


def test_a_subclass_is_not_lifted() -> None:
    """It may do anything."""

    class Own(GZipMiddleware):
        pass

    app: ASGIApp = FastAPI()
    assert isinstance(app, FastAPI)
    app.add_middleware(Own)
    app.add_middleware(CORSMiddleware)
    from turboapi.plans.explain import explain

    middleware = explain(app)["middleware"]
    assert middleware is not None
    assert not middleware["direct"]
    assert [(layer["runs"], layer["reason"]) for layer in middleware["layers"]] == [
        ("early", "Own is inside it"),
        ("python", "a subclass of GZipMiddleware"),
    ]
