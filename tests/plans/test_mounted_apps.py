"""Plans of FastAPI apps that another app mounts or wraps: made when a server starts, equal to FastAPI."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount

from turboapi.plans import status
from turboapi.plans.startup import applications, plan_table


class Wrapper:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


def value(scale: int = 2) -> int:
    return scale


def make_inner(root_path: str = "") -> FastAPI:
    app = FastAPI()
    app.root_path = root_path

    @app.get("/items/{number}")
    async def read(number: int, scale: int = Depends(value)) -> dict[str, int]:
        return {"scaled": number * scale}

    @app.get("/about")
    async def about(request: Request) -> Any:
        scope = request.scope
        return {
            "url": str(request.url),
            "base": str(request.base_url),
            "read": str(request.url_for("read", number=1)),
            "root_path": scope["root_path"],
            "path": scope["path"],
            "path_params": scope["path_params"],
            "app": request.app is app,
            "route": scope["route"].path,
        }

    @app.get("/missing")
    async def missing() -> None:
        raise HTTPException(404, "inner")

    router = APIRouter()

    @router.get("/included/{name}")
    async def included(name: str, tenant: str | None = None) -> list[str | None]:
        return [name, tenant]

    app.include_router(router, prefix="/v1")
    return app


def make_apps() -> tuple[FastAPI, list[FastAPI]]:
    plain, tenant, deep, rooted = make_inner(), make_inner(), make_inner(), make_inner("/outside")
    app = FastAPI()

    @app.get("/")
    async def root() -> str:
        return "root"

    plain.mount("/deep", deep)
    app.mount("/plain", plain)
    app.mount("/tenants/{tenant}", tenant)
    # It takes its own root path for the one it is mounted at, in FastAPI as here.
    app.mount("/rooted", rooted)
    # It has no routes, so no line in the log.
    app.mount("/empty", FastAPI())
    return app, [plain, tenant, deep]


PATHS = ("/items/3", "/items/x", "/items/3/", "/about", "/missing", "/none", "/v1/included/name")
PREFIXES = ("/plain", "/tenants/red", "/plain/deep", "/rooted")


async def ask(app: Any, path: str, query: bytes = b"") -> list[Any]:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", b"test")],
        "client": None,
        "server": ("test", 80),
    }
    await app(scope, receive, send)
    return sent


async def answers(app: Any) -> dict[str, Any]:
    return {path: await ask(app, path, b"scale=5&tenant=t") for prefix in PREFIXES for path in paths(prefix)}


def paths(prefix: str) -> list[str]:
    return [prefix + path for path in PATHS]


def test_mounted_apps_answer_from_plans_as_before(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        expected = await answers(make_apps()[0])
        app, inner = make_apps()
        with caplog.at_level(logging.INFO, logger="uvicorn.error"):
            table = await plan_table(app, "adaptive")
        assert table is not None
        assert await answers(app) == expected
        for one in inner:
            found = status(one)
            assert found is not None
            assert found["requests"]["native"] >= 4, one

    asyncio.run(run())
    lines = [record.getMessage() for record in caplog.records if "Route plans" in record.getMessage()]
    assert lines == [
        "Route plans: 1 of 5 routes native, 4 asgi",
        "Route plans below /plain: 4 of 5 routes native, 1 asgi",
        "Route plans below /plain/deep: 4 of 4 routes native",
        "Route plans below /tenants/{tenant}: 4 of 4 routes native",
        "Route plans below /rooted: 4 of 4 routes native",
    ]


def test_an_app_in_a_wrapper_has_plans_behind_it() -> None:
    async def run() -> None:
        inner = make_inner()
        wrapped = Wrapper(Wrapper(inner))
        assert await plan_table(wrapped, "adaptive") is None
        assert (await ask(wrapped, "/items/3"))[0]["status"] == 200
        found = status(inner)
        assert found is not None
        assert found["requests"]["native"] == 1

    asyncio.run(run())


def test_every_app_is_found_once() -> None:
    inner = make_inner()
    outer = Starlette(
        routes=[
            Mount("/a", inner),
            Mount("/b", inner),
            Mount("/c", Wrapper(make_inner())),
            Mount("/d", make_inner(), middleware=[Middleware(GZipMiddleware)]),
        ]
    )
    assert [where for where, _ in applications(outer)] == ["/a", "/c", "/d"]


def test_what_is_no_app_is_left_alone() -> None:
    loop = Wrapper(None)
    loop.app = loop
    assert list(applications(loop)) == []
    assert list(applications(object())) == []
