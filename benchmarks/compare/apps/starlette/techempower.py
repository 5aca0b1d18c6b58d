"""The six TechEmpower tests on Starlette."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import worlds
from constants import TEXT
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.pool = await worlds.open_pool()
    yield
    await app.state.pool.close()


async def message(request: Request) -> Response:
    return JSONResponse({"message": TEXT})


async def plaintext(request: Request) -> Response:
    return PlainTextResponse(TEXT)


async def db(request: Request) -> Response:
    return JSONResponse(await worlds.one(request.app.state.pool))


async def queries(request: Request) -> Response:
    count = worlds.count_of(request.query_params.get("queries"))
    return JSONResponse(await worlds.several(request.app.state.pool, count))


async def fortunes(request: Request) -> Response:
    return HTMLResponse(await worlds.fortunes(request.app.state.pool))


async def updates(request: Request) -> Response:
    count = worlds.count_of(request.query_params.get("queries"))
    return JSONResponse(await worlds.update(request.app.state.pool, count))


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/json", message),
        Route("/plaintext", plaintext),
        Route("/db", db),
        Route("/queries", queries),
        Route("/fortunes", fortunes),
        Route("/updates", updates),
    ],
)
