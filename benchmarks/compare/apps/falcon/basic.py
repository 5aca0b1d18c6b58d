"""The basic workloads on Falcon (ASGI)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import falcon
import falcon.asgi
from constants import EVENT_SECONDS, MEGABYTE, ROUTES, TEXT
from fanout import Hub
from orders import Order, priced
from threads import in_thread

hub = Hub(EVENT_SECONDS)


class Plaintext:
    async def on_get(self, request: Any, response: Any) -> None:
        response.content_type = falcon.MEDIA_TEXT
        response.text = TEXT


class Message:
    async def on_get(self, request: Any, response: Any) -> None:
        response.media = {"message": TEXT}


class Item:
    async def on_get(self, request: Any, response: Any, item_id: int) -> None:
        response.media = {"item_id": item_id, "q": request.get_param("q")}


class Orders:
    async def on_post(self, request: Any, response: Any) -> None:
        response.media = priced(Order.model_validate_json(await request.stream.read()))


class Nested:
    async def on_get(self, request: Any, response: Any) -> None:
        response.media = {
            "user": request.get_header("X-User", default="nobody"),
            "limit": request.get_param_as_int("limit", default=10),
            "offset": request.get_param_as_int("offset", default=0),
        }


class Sleep:
    async def on_get(self, request: Any, response: Any) -> None:
        await asyncio.sleep(0.01)
        response.media = {"slept": 10}


class Block:
    async def on_get(self, request: Any, response: Any) -> None:
        await in_thread(time.sleep, 0.01)
        response.media = {"slept": 10}


class Download:
    async def on_get(self, request: Any, response: Any) -> None:
        response.content_type = "application/octet-stream"
        response.data = MEGABYTE


class Upload:
    async def on_post(self, request: Any, response: Any) -> None:
        size = 0
        async for chunk in request.stream:
            size += len(chunk)
        response.media = {"received": size}


class Events:
    async def on_get(self, request: Any, response: Any) -> None:
        limit = request.get_param_as_int("limit", required=True)

        async def stream() -> AsyncIterator[Any]:
            async for number in hub.subscribe(limit):
                yield falcon.asgi.SSEvent(text=str(number))

        response.sse = stream()


class Echo:
    async def on_websocket(self, request: Any, socket: Any) -> None:
        await socket.accept()
        try:
            while True:
                await socket.send_text(await socket.receive_text())
        except falcon.WebSocketDisconnected:
            pass


class Resource:
    def __init__(self, number: int) -> None:
        self.number = number

    async def on_get(self, request: Any, response: Any, item_id: int) -> None:
        response.media = {"resource": self.number, "item_id": item_id}


app = falcon.asgi.App()
app.add_route("/plaintext", Plaintext())
app.add_route("/json", Message())
app.add_route("/items/{item_id:int}", Item())
app.add_route("/orders", Orders())
app.add_route("/nested", Nested())
app.add_route("/sleep", Sleep())
app.add_route("/block", Block())
app.add_route("/download", Download())
app.add_route("/upload", Upload())
app.add_route("/events", Events())
app.add_route("/ws", Echo())
for number in range(ROUTES):
    app.add_route(f"/api/resource{number}/{{item_id:int}}", Resource(number))
