"""The six TechEmpower tests on Litestar."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import worlds
from constants import TEXT
from litestar import Litestar, MediaType, get
from litestar.datastructures import State


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    app.state.pool = await worlds.open_pool()
    yield
    await app.state.pool.close()


@get("/json")
async def message() -> dict[str, str]:
    return {"message": TEXT}


@get("/plaintext", media_type=MediaType.TEXT)
async def plaintext() -> str:
    return TEXT


@get("/db")
async def db(state: State) -> dict[str, int]:
    return await worlds.one(state.pool)


@get("/queries")
async def queries(state: State, queries: str | None = None) -> list[dict[str, int]]:
    return await worlds.several(state.pool, worlds.count_of(queries))


@get("/fortunes", media_type=MediaType.HTML)
async def fortunes(state: State) -> str:
    return await worlds.fortunes(state.pool)


@get("/updates")
async def updates(state: State, queries: str | None = None) -> list[dict[str, int]]:
    return await worlds.update(state.pool, worlds.count_of(queries))


handlers: list[Any] = [message, plaintext, db, queries, fortunes, updates]
app = Litestar(handlers, lifespan=[lifespan], openapi_config=None)
