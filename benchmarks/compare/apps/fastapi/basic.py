"""The basic workloads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated

from constants import EVENT_SECONDS, MEGABYTE, ROUTES, TEXT
from fanout import Hub
from fastapi import Depends, FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import BaseModel, Field

app = FastAPI()
hub = Hub(EVENT_SECONDS)


class Order(BaseModel):
    """A body that is validated."""

    name: str = Field(min_length=1, max_length=50)
    price: float = Field(gt=0)
    quantity: int = Field(ge=1, le=1_000)
    tags: list[str]


class Priced(BaseModel):
    """An answer that goes through a response model."""

    name: str
    total: float
    tags: int


@app.get("/plaintext", response_class=PlainTextResponse)
async def plaintext() -> str:
    return TEXT


@app.get("/json")
async def message() -> dict[str, str]:
    return {"message": TEXT}


@app.get("/items/{item_id}")
async def item(item_id: int, q: str | None = None) -> dict[str, int | str | None]:
    return {"item_id": item_id, "q": q}


@app.post("/orders")
async def order(order: Order) -> Priced:
    return Priced(name=order.name, total=order.price * order.quantity, tags=len(order.tags))


def page(limit: int = 10, offset: int = 0) -> dict[str, int]:
    """A dependency of a dependency."""
    return {"limit": limit, "offset": offset}


async def user(request: Request) -> str:
    """A dependency of a dependency."""
    return request.headers.get("x-user", "nobody")


async def listing(
    page: Annotated[dict[str, int], Depends(page)], user: Annotated[str, Depends(user)]
) -> dict[str, str | int]:
    """A dependency with dependencies."""
    return {"user": user, **page}


@app.get("/nested")
async def nested(listing: Annotated[dict[str, str | int], Depends(listing)]) -> dict[str, str | int]:
    return listing


@app.get("/sleep")
async def sleep() -> dict[str, int]:
    await asyncio.sleep(0.01)
    return {"slept": 10}


@app.get("/block")
def block() -> dict[str, int]:
    time.sleep(0.01)
    return {"slept": 10}


@app.get("/download")
async def download() -> Response:
    return Response(MEGABYTE, media_type="application/octet-stream")


@app.post("/upload")
async def upload(request: Request) -> dict[str, int]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return {"received": size}


@app.get("/events")
async def events(limit: int) -> StreamingResponse:
    async def stream() -> AsyncIterator[str]:
        async for number in hub.subscribe(limit):
            yield f"data: {number}\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream")


@app.websocket("/ws")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass


def resource(number: int) -> Callable[[int], Awaitable[dict[str, int]]]:
    """The endpoint of one route of many."""

    async def endpoint(item_id: int) -> dict[str, int]:
        return {"resource": number, "item_id": item_id}

    return endpoint


for number in range(ROUTES):
    app.get(f"/api/resource{number}/{{item_id}}")(resource(number))
