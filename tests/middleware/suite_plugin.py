"""Lets Starlette's own tests of its middleware run against the engine, with apps whose middleware is lifted.

Loaded into a pytest whose root is the distribution of Starlette. Its tests build `Starlette` apps with plain
routes, around which nothing is lifted; here each becomes a FastAPI app with the same middleware and, where an
endpoint does not look at the request, a route with a native plan. The client speaks to a real server.
"""

from __future__ import annotations

import dis
import importlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp

from turboapi.plans import status

# The suite's own package has the name of ours.
servers: Any = importlib.import_module(f"{__package__}.servers")

answered: Counter[str] = Counter()


class Transport(httpx.HTTPTransport):
    """Sends every request to one server, whatever its URL says; TLS is what a proxy reports."""

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__()
        self._address = address

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        headers = request.headers.copy()
        if request.url.scheme == "https":
            headers["x-forwarded-proto"] = "https"
        host, port = self._address
        url = request.url.copy_with(scheme="http", host=host, port=port)
        stream = request.stream
        return super().handle_request(httpx.Request(request.method, url, headers=headers, stream=stream))


@pytest.fixture
def test_client_factory() -> Iterator[Callable[..., httpx.Client]]:
    """Starlette's fixture of this name."""
    with ExitStack() as stopping:
        served: list[FastAPI] = []

        def make(app: ASGIApp, base_url: str = "http://testserver", **_: Any) -> httpx.Client:
            if type(app) is Starlette:
                app = translated(app)
                served.append(app)
            address = stopping.enter_context(servers.running(servers.engine(app)))
            client = httpx.Client(transport=Transport(address), base_url=base_url, follow_redirects=True)
            client.headers["accept-encoding"] = "gzip, deflate"
            return stopping.enter_context(client)

        yield make
        for app in served:
            counts = status(app)
            if counts is not None:
                answered.update(counts["requests"])


@pytest.fixture(params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The engine's loop is asyncio's."""
    return str(request.param)


def translated(app: Starlette) -> FastAPI:
    """A FastAPI app that answers like `app`."""
    made = FastAPI(openapi_url=None)
    made.user_middleware = app.user_middleware
    made.exception_handlers.update(app.exception_handlers)
    for route in app.routes:
        if type(route) is Route and dis.code_info(route.endpoint).find("**kwargs") < 0:
            made.add_api_route(
                route.path,
                endpoint(route.endpoint),
                methods=sorted(route.methods or {"GET"}),
                response_model=None,
            )
        else:
            made.router.routes.append(route)
    return made


def endpoint(original: Callable[[Any], Any]) -> Callable[..., Any]:
    """An endpoint of FastAPI's that calls one of Starlette's, with the request only if that one reads it."""
    code = original.__code__
    name = code.co_varnames[0]
    reads = any(
        instruction.opname.startswith(("LOAD_FAST", "LOAD_DEREF")) and instruction.argval == name
        for instruction in dis.get_instructions(code)
    )
    if reads:

        async def with_request(request: Request) -> Any:
            made = original(request)
            return await made if hasattr(made, "__await__") else made

        return with_request

    async def without_request() -> Any:
        made = original(None)
        return await made if hasattr(made, "__await__") else made

    return without_request


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Who answered, for the caller to check that lifted middleware did."""
    terminalreporter.write_line(f"answered: {dict(answered)}")
