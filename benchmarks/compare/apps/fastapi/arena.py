"""HttpArena's HTTP/1 profiles, by the rules of its "standard" entries."""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import worlds
from catalogue import dataset
from fastapi import FastAPI, HTTPException, Query, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import PlainTextResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel

ITEMS = dataset()
CACHED_SECONDS = 0.2
COLUMNS = "id, name, category, price, quantity, active, tags, rating_score, rating_count"


async def _prepare(connection: Any) -> None:
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    size = worlds.pool_size()
    app.state.pool = await asyncpg.create_pool(worlds.database(), min_size=size, max_size=size, init=_prepare)
    app.state.cache = {}
    yield
    await app.state.pool.close()


app = FastAPI(lifespan=lifespan)
app.add_middleware(GZipMiddleware, minimum_size=500, compresslevel=1)
app.mount("/static", StaticFiles(directory=os.environ["STATIC_DIRECTORY"]))


@app.get("/baseline11", response_class=PlainTextResponse)
async def add(a: int, b: int) -> str:
    return str(a + b)


@app.post("/baseline11", response_class=PlainTextResponse)
async def add_body(request: Request, a: int, b: int) -> str:
    return str(a + b + int(await request.body()))


@app.get("/pipeline", response_class=PlainTextResponse)
async def pipeline() -> str:
    return "ok"


@app.get("/json/{count}")
async def process(count: int, m: int = 1) -> dict[str, Any]:
    items = [{**item, "total": item["price"] * item["quantity"] * m} for item in ITEMS[:count]]
    return {"items": items, "count": len(items)}


@app.post("/upload", response_class=PlainTextResponse)
async def upload(request: Request) -> str:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return str(size)


@app.get("/async-db")
async def select_items(
    request: Request,
    low: int = Query(10, alias="min"),
    high: int = Query(50, alias="max"),
    limit: int = 50,
) -> dict[str, Any]:
    rows = await request.app.state.pool.fetch(
        f"SELECT {COLUMNS} FROM items WHERE price BETWEEN $1 AND $2 LIMIT $3",
        low,
        high,
        min(max(limit, 1), 50),
    )
    items = [_item(row) for row in rows]
    return {"items": items, "count": len(items)}


class NewItem(BaseModel):
    """The body of a create request."""

    id: int
    name: str
    category: str
    price: int
    quantity: int


class Change(BaseModel):
    """The body of an update request."""

    name: str
    price: int
    quantity: int


@app.get("/crud/items")
async def page(
    request: Request, category: str = "electronics", page: int = 1, limit: int = 10
) -> dict[str, Any]:
    limit = min(max(limit, 1), 50)
    rows = await request.app.state.pool.fetch(
        f"SELECT {COLUMNS} FROM items WHERE category = $1 ORDER BY id LIMIT $2 OFFSET $3",
        category,
        limit,
        (page - 1) * limit,
    )
    return {"items": [_item(row) for row in rows], "total": len(rows), "page": page, "limit": limit}


@app.get("/crud/items/{item_id}")
async def read(request: Request, response: Response, item_id: int) -> dict[str, Any]:
    cache = request.app.state.cache
    until, item = cache.get(item_id, (0.0, None))
    if until > time.monotonic():
        response.headers["x-cache"] = "HIT"
        return item
    row = await request.app.state.pool.fetchrow(f"SELECT {COLUMNS} FROM items WHERE id = $1", item_id)
    if row is None:
        raise HTTPException(404)
    item = _item(row)
    cache[item_id] = (time.monotonic() + CACHED_SECONDS, item)
    response.headers["x-cache"] = "MISS"
    return item


@app.post("/crud/items", status_code=201)
async def create(request: Request, item: NewItem) -> NewItem:
    await request.app.state.pool.execute(
        "INSERT INTO items VALUES ($1, $2, $3, $4, $5, true, '[]', 0, 0) ON CONFLICT (id) DO UPDATE"
        " SET name = $2, category = $3, price = $4, quantity = $5",
        *(item.id, item.name, item.category, item.price, item.quantity),
    )
    return item


@app.put("/crud/items/{item_id}")
async def change(request: Request, item_id: int, change: Change) -> dict[str, Any]:
    done = await request.app.state.pool.execute(
        "UPDATE items SET name = $2, price = $3, quantity = $4 WHERE id = $1",
        *(item_id, change.name, change.price, change.quantity),
    )
    if done != "UPDATE 1":
        raise HTTPException(404)
    request.app.state.cache.pop(item_id, None)
    return {"id": item_id, **change.model_dump()}


@app.websocket("/ws")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass


def _item(row: Any) -> dict[str, Any]:
    item = dict(row)
    item["rating"] = {"score": item.pop("rating_score"), "count": item.pop("rating_count")}
    return item
