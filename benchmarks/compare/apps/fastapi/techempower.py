"""The six TechEmpower tests, and four of them again over psycopg and SQLAlchemy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import randint
from typing import Any

import sync_worlds
import worlds
from constants import TEXT
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, PlainTextResponse
from sqlalchemy import select
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Of the mapped classes."""


class World(Base):
    """A row with a number."""

    __tablename__ = "world"
    id: Mapped[int] = mapped_column(primary_key=True)
    randomnumber: Mapped[int]


class Fortune(Base):
    """A row with a text."""

    __tablename__ = "fortune"
    id: Mapped[int] = mapped_column(primary_key=True)
    message: Mapped[str]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    size = worlds.pool_size()
    url = worlds.database()
    engine = create_async_engine(
        url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=size, max_overflow=0
    )
    app.state.pool = await worlds.open_pool()
    app.state.session = async_sessionmaker(engine, expire_on_commit=False)
    app.state.sync_pool = sync_worlds.open_pool()
    yield
    app.state.sync_pool.close()
    await engine.dispose()
    await app.state.pool.close()


app = FastAPI(lifespan=lifespan)


@app.get("/json")
async def message() -> dict[str, str]:
    return {"message": TEXT}


@app.get("/plaintext", response_class=PlainTextResponse)
async def plaintext() -> str:
    return TEXT


@app.get("/db")
async def db(request: Request) -> dict[str, int]:
    return await worlds.one(request.app.state.pool)


@app.get("/queries")
async def queries(request: Request, queries: str | None = None) -> list[dict[str, int]]:
    return await worlds.several(request.app.state.pool, worlds.count_of(queries))


@app.get("/fortunes", response_class=HTMLResponse)
async def fortunes(request: Request) -> str:
    return await worlds.fortunes(request.app.state.pool)


@app.get("/updates")
async def updates(request: Request, queries: str | None = None) -> list[dict[str, int]]:
    return await worlds.update(request.app.state.pool, worlds.count_of(queries))


@app.get("/psycopg/db")
def psycopg_db(request: Request) -> dict[str, int]:
    return sync_worlds.one(request.app.state.sync_pool)


@app.get("/psycopg/queries")
def psycopg_queries(request: Request, queries: str | None = None) -> list[dict[str, int]]:
    return sync_worlds.several(request.app.state.sync_pool, worlds.count_of(queries))


@app.get("/psycopg/fortunes", response_class=HTMLResponse)
def psycopg_fortunes(request: Request) -> str:
    return sync_worlds.fortunes(request.app.state.sync_pool)


@app.get("/sqlalchemy/db")
async def sqlalchemy_db(request: Request) -> dict[str, int]:
    return (await _sqlalchemy_rows(request.app.state.session, 1))[0]


@app.get("/sqlalchemy/queries")
async def sqlalchemy_queries(request: Request, queries: str | None = None) -> list[dict[str, int]]:
    return await _sqlalchemy_rows(request.app.state.session, worlds.count_of(queries))


@app.get("/sqlalchemy/fortunes", response_class=HTMLResponse)
async def sqlalchemy_fortunes(request: Request) -> str:
    async with request.app.state.session() as session:
        found = (await session.execute(select(Fortune))).scalars()
        return worlds.page([(row.id, row.message) for row in found])


async def _sqlalchemy_rows(session_of: Any, count: int) -> list[dict[str, int]]:
    async with session_of() as session:
        rows = [await session.get(World, randint(1, worlds.ROWS)) for _ in range(count)]
    return [{"id": row.id, "randomNumber": row.randomnumber} for row in rows]
