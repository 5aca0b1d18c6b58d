"""The basic workloads on Robyn."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote_plus

from constants import EVENT_SECONDS, MEGABYTE, ROUTES, TEXT
from fanout import Hub
from orders import Order, priced
from robyn import Headers, Request, Response, Robyn, SSEMessage, SSEResponse, WebSocketDisconnect

app = Robyn(__file__)
hub = Hub(EVENT_SECONDS)
BINARY = Headers({"content-type": "application/octet-stream"})


@app.get("/plaintext")
async def plaintext() -> str:
    return TEXT


@app.get("/json")
async def message() -> dict[str, Any]:
    return {"message": TEXT}


@app.get("/items/:item_id")
async def item(request: Request) -> dict[str, Any]:
    # Robyn hands over the text as it was sent.
    q = request.query_params.get("q", None)
    return {"item_id": int(request.path_params["item_id"]), "q": q and unquote_plus(q)}


@app.post("/orders")
async def order(request: Request) -> dict[str, Any]:
    return priced(Order.model_validate_json(request.body))


@app.get("/nested")
async def nested(request: Request) -> dict[str, Any]:
    query = request.query_params
    page = {"limit": int(query.get("limit", "10")), "offset": int(query.get("offset", "0"))}
    return {"user": request.headers.get("x-user") or "nobody", **page}


@app.get("/sleep")
async def sleep() -> dict[str, Any]:
    await asyncio.sleep(0.01)
    return {"slept": 10}


@app.get("/block")
def block() -> dict[str, Any]:
    time.sleep(0.01)
    return {"slept": 10}


@app.get("/download")
async def download() -> Response:
    return Response(200, BINARY, MEGABYTE)


@app.post("/upload")
async def upload(request: Request) -> dict[str, Any]:
    return {"received": len(request.body)}


@app.get("/events")
async def events(request: Request) -> Any:
    limit = int(request.query_params.get("limit", "1"))

    async def stream() -> AsyncIterator[str]:
        async for number in hub.subscribe(limit):
            yield SSEMessage(str(number))

    return SSEResponse(stream())


@app.websocket("/ws")
async def echo(websocket: Any) -> None:
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        pass


def resource(number: int) -> None:
    @app.get(f"/api/resource{number}/:item_id")
    async def endpoint(request: Request) -> dict[str, Any]:
        return {"resource": number, "item_id": int(request.path_params["item_id"])}


for number in range(ROUTES):
    resource(number)

if __name__ == "__main__":
    app.start(host="127.0.0.1", port=int(os.environ["PORT"]))
