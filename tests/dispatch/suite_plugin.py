"""Lets Starlette's own tests of `BaseHTTPMiddleware` run with the substitute, in one of four ways.

Loaded into a pytest whose root is the distribution of Starlette.

- `class`: every `BaseHTTPMiddleware` there is runs as behind a `Substitute`, in an application or not.
- `application`: `Starlette` makes FastAPI apps with plans, so substitutes stand where `install_dispatch` puts
  them and a plan answers inside the innermost. A middleware that a client is made for gets an app around it.
- `front`: the same, by the `Front`, with the client of `turboapi.testclient`.
- `engine`: the same, by a server, which calls the `Front` itself, with a client that knows nothing of it.
"""

from __future__ import annotations

import dis
import importlib
import inspect
import json
from asyncio import _get_running_loop
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
import starlette.applications
import starlette.testclient
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from turboapi.plans import status
from turboapi.plans.application import plans_of
from turboapi.plans.dispatch import front, running, substitute
from turboapi.testclient import TestClient as SocketClient

# The suite's own package has the name of ours.
servers: Any = importlib.import_module("our_tests.middleware.servers")

_StockClient = starlette.testclient.TestClient
_starlette_call = BaseHTTPMiddleware.__call__

#: Requests that a substitute has run, by the test.
substituted: Counter[str] = Counter()
#: Requests by the front, and by plans of each tier inside the innermost substitute.
totals: Counter[str] = Counter()
_apps: list[FastAPI] = []
_servers = ExitStack()
_test = ""


def counted(*arguments: Any) -> Awaitable[None]:
    """`running.run`, which says so."""
    substituted[_test] += 1
    return running.run(*arguments)


def fronted(*arguments: Any) -> Awaitable[None]:
    """The same, for the engine's way to the outermost of them."""
    totals["front"] += 1
    return counted(*arguments)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The way."""
    parser.addoption("--way", choices=("class", "application", "front", "engine"), default="class")


def pytest_configure(config: pytest.Config) -> None:
    """Before the suite's module takes its names."""
    way = config.getoption("way")
    if way == "class":
        BaseHTTPMiddleware.__call__ = call  # type: ignore[method-assign]
        return
    vars(substitute)["run"] = counted
    vars(front)["run"] = fronted
    starlette.applications.Starlette = application  # type: ignore[assignment, misc]
    starlette.testclient.TestClient = _CLIENTS[way]  # type: ignore[assignment, misc]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Whose requests are counted."""
    global _test
    _test = item.name
    substituted[_test] = 0


@pytest.fixture(autouse=True)
def stopped() -> Iterator[None]:
    """The servers of a test end with it."""
    with _servers:
        yield


@pytest.fixture
def test_client_factory() -> Callable[..., Any]:
    """Starlette's fixture of this name."""
    made: Callable[..., Any] = starlette.testclient.TestClient
    return made


async def call(self: BaseHTTPMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
    """What `Substitute.__call__` does, without plans."""
    loop = _get_running_loop()
    if scope["type"] == "http" and running.suits(loop):
        await counted(self, scope, receive, send, loop, None)
    else:
        await _starlette_call(self, scope, receive, send)


def application(routes: Sequence[Any] = (), middleware: Sequence[Middleware] = ()) -> FastAPI:
    """In place of `Starlette`: a FastAPI app with plans."""
    made = FastAPI(openapi_url=None, middleware=list(middleware))
    for route in routes:
        if type(route) is Route and inspect.isfunction(route.endpoint):
            methods = sorted(route.methods or {"GET"})
            made.add_api_route(route.path, endpoint(route.endpoint), methods=methods, response_model=None)
        else:
            made.router.routes.append(route)
    return planned(made)


def endpoint(original: Callable[..., Any]) -> Callable[..., Any]:
    """`original`, without the request if it does not read it: then the plan may be native."""
    name = original.__code__.co_varnames[0]
    if any(one.argval == name and one.opname.startswith("LOAD") for one in dis.get_instructions(original)):
        return original
    if inspect.iscoroutinefunction(original):

        async def awaited() -> Any:
            return await original(None)

        return awaited
    return lambda: original(None)


def planned(app: FastAPI) -> FastAPI:
    """`app`, with its plans in place."""
    plans = plans_of(app)
    assert plans is not None
    assert plans.table.ensure(), plans.reason
    _apps.append(app)
    return app


def in_application(app: ASGIApp) -> FastAPI:
    """`app`, or an application around a middleware that is in none."""
    made = around(app) if isinstance(app, BaseHTTPMiddleware) else app
    assert isinstance(made, FastAPI)
    return made


def application_client(app: ASGIApp) -> Any:
    """Starlette's client."""
    return _StockClient(in_application(app))


def front_client(app: ASGIApp) -> Any:
    """Our client; it hides the app from the engine, so it has to call the front as the engine does."""
    made = in_application(app)
    plans = plans_of(made)
    assert plans is not None

    async def by_front(scope: Scope, receive: Receive, send: Send) -> None:
        assert plans.table.ensure(), plans.reason
        assert plans.stack is not None
        way = plans.stack.front if scope["type"] == "http" else made
        await way(scope, receive, send)

    return SocketClient(by_front)


def engine_client(app: ASGIApp) -> Any:
    """A client of a server, which ends with the test."""
    address = _servers.enter_context(servers.running(servers.engine(in_application(app))))
    host, port = address
    return _servers.enter_context(httpx.Client(base_url=f"http://{host}:{port}"))


_CLIENTS = {"application": application_client, "front": front_client, "engine": engine_client}


def around(middleware: BaseHTTPMiddleware) -> FastAPI:
    """An application with this middleware, and inside it what it wraps."""

    def placed(app: ASGIApp) -> BaseHTTPMiddleware:
        middleware.app = app
        return middleware

    made = FastAPI(openapi_url=None)
    made.mount("", middleware.app)
    made.user_middleware.append(Middleware(placed))
    return planned(made)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """For the caller to check."""
    for app in _apps:
        counts = status(app)
        if counts is not None:
            totals.update(counts["requests"])
    terminalreporter.write_line(f"totals: {json.dumps(totals)}")
    terminalreporter.write_line(f"substituted: {json.dumps(substituted)}")
