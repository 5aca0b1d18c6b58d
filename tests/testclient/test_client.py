"""The client object: lifespan, state, portal, choice of the event loop."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypedDict

import fastapi.testclient
import pytest
from fastapi import FastAPI, Request
from starlette.testclient import TestClient as StockTestClient
from starlette.types import Receive, Scope, Send

import turboapi.loop
from tests.testclient.conftest import ClientFactory
from turboapi.testclient import TestClient, WebSocketDenialResponse, WebSocketDisconnect


class State(TypedDict):
    events: list[str]


def lifespan_app(events: list[str]) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[State]:
        events.append("startup")
        yield {"events": events}
        events.append("shutdown")

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    async def endpoint(request: Request) -> int:
        request.state.events.append("request")
        return id(asyncio.get_running_loop())

    return app


def test_signature_is_the_stock_one() -> None:
    def parameters(client: type[Any]) -> list[tuple[str, Any, Any]]:
        signature = inspect.signature(client)
        return [(p.name, p.kind, p.default) for p in signature.parameters.values()]

    assert parameters(TestClient) == parameters(fastapi.testclient.TestClient)
    assert issubclass(TestClient, fastapi.testclient.TestClient)
    assert issubclass(WebSocketDenialResponse, WebSocketDisconnect)


def test_lifespan_and_one_loop_inside_with(make_client: ClientFactory) -> None:
    events: list[str] = []
    with make_client(lifespan_app(events)) as client:
        assert client.app_state == {"events": events}
        assert client.portal is not None
        loop = client.portal.call(asyncio.get_running_loop)
        assert [client.get("/").json() for _ in range(3)] == [id(loop)] * 3
    assert client.portal is None
    assert events == ["startup", "request", "request", "request", "shutdown"]


def test_no_lifespan_outside_with(make_client: ClientFactory) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": str(id(asyncio.get_running_loop())).encode()})

    assert make_client(app).get("/").status_code == 200


def test_a_client_can_be_entered_again(make_client: ClientFactory) -> None:
    events: list[str] = []
    client = make_client(lifespan_app(events))
    for _ in range(2):
        with client:
            client.get("/")
    assert events == ["startup", "request", "shutdown"] * 2


@pytest.mark.parametrize("phase", ["startup", "shutdown"])
def test_lifespan_failure_is_raised(make_client: ClientFactory, phase: str) -> None:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if phase == "startup":
            raise LookupError(phase)
        yield
        raise LookupError(phase)

    with pytest.raises(LookupError, match=phase), make_client(FastAPI(lifespan=lifespan)):
        pass


def test_the_loop_is_the_engines() -> None:
    app = FastAPI()

    @app.get("/")
    async def endpoint() -> bool:
        return isinstance(asyncio.get_running_loop(), turboapi.loop.EventLoop)

    assert TestClient(app).get("/").json() is True
    with TestClient(app, backend_options={"debug": True}) as client:
        assert client.get("/").json() is True
        assert client.portal is not None
        assert client.portal.call(lambda: asyncio.get_running_loop().get_debug())


@pytest.mark.parametrize(
    ("backend", "options"),
    [
        ("trio", None),
        ("asyncio", {"use_uvloop": True}),
        ("asyncio", {"loop_factory": asyncio.new_event_loop}),
    ],
)
def test_another_loop_keeps_the_stock_transport(backend: Any, options: dict[str, Any] | None) -> None:
    client = TestClient(FastAPI(), backend=backend, backend_options=options)
    assert type(client._transport) is type(StockTestClient(FastAPI())._transport)


def test_asgi2_app(make_client: ClientFactory) -> None:
    def app(scope: Scope) -> Any:
        async def instance(receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 204})
            await send({"type": "http.response.body"})

        return instance

    assert make_client(app).get("/").status_code == 204
