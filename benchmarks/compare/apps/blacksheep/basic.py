"""The basic workloads on BlackSheep."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from blacksheep import (
    Application,
    Content,
    FromJSON,
    Request,
    Response,
    StreamedContent,
    WebSocket,
    WebSocketDisconnectError,
    get,
    json,
    post,
    text,
    ws,
)
from constants import EVENT_SECONDS, MEGABYTE, ROUTES, TEXT
from fanout import Hub
from orders import Order, priced
from threads import in_thread

app = Application()
hub = Hub(EVENT_SECONDS)


@get("/plaintext")
async def plaintext() -> Response:
    return text(TEXT)


@get("/json")
async def message() -> Response:
    return json({"message": TEXT})


@get("/items/{item_id}")
async def item(item_id: int, q: str | None = None) -> Response:
    return json({"item_id": item_id, "q": q})


@post("/orders")
async def order(data: FromJSON[Order]) -> Response:
    return json(priced(data.value))


@get("/nested")
async def nested(request: Request, limit: int = 10, offset: int = 0) -> Response:
    user = request.get_first_header(b"x-user") or b"nobody"
    return json({"user": user.decode(), "limit": limit, "offset": offset})


@get("/sleep")
async def sleep() -> Response:
    await asyncio.sleep(0.01)
    return json({"slept": 10})


@get("/block")
async def block() -> Response:
    await in_thread(time.sleep, 0.01)
    return json({"slept": 10})


@get("/download")
async def download() -> Response:
    return Response(200, content=Content(b"application/octet-stream", MEGABYTE))


@post("/upload")
async def upload(request: Request) -> Response:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return json({"received": size})


@get("/events")
async def events(limit: int) -> Response:
    async def stream() -> AsyncIterator[bytes]:
        async for number in hub.subscribe(limit):
            yield b"data: %d\n\n" % number

    return Response(200, content=StreamedContent(b"text/event-stream", stream))


@ws("/ws")
async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnectError:
        pass


def resource(number: int) -> None:
    @get(f"/api/resource{number}/{{item_id}}")
    async def endpoint(item_id: int) -> Response:
        return json({"resource": number, "item_id": item_id})


for number in range(ROUTES):
    resource(number)
