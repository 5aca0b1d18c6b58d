"""The basic workloads on Starlette."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from constants import EVENT_SECONDS, MEGABYTE, ROUTES, TEXT
from fanout import Hub
from orders import Order, priced
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

hub = Hub(EVENT_SECONDS)


async def plaintext(request: Request) -> Response:
    return PlainTextResponse(TEXT)


async def message(request: Request) -> Response:
    return JSONResponse({"message": TEXT})


async def item(request: Request) -> Response:
    return JSONResponse({"item_id": request.path_params["item_id"], "q": request.query_params.get("q")})


async def order(request: Request) -> Response:
    return JSONResponse(priced(Order.model_validate_json(await request.body())))


async def nested(request: Request) -> Response:
    query = request.query_params
    page = {"limit": int(query.get("limit", 10)), "offset": int(query.get("offset", 0))}
    return JSONResponse({"user": request.headers.get("x-user", "nobody"), **page})


async def sleep(request: Request) -> Response:
    await asyncio.sleep(0.01)
    return JSONResponse({"slept": 10})


def block(request: Request) -> Response:
    time.sleep(0.01)
    return JSONResponse({"slept": 10})


async def download(request: Request) -> Response:
    return Response(MEGABYTE, media_type="application/octet-stream")


async def upload(request: Request) -> Response:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return JSONResponse({"received": size})


async def events(request: Request) -> Response:
    async def stream() -> AsyncIterator[str]:
        async for number in hub.subscribe(int(request.query_params["limit"])):
            yield f"data: {number}\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream")


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass


def resource(number: int) -> Route:
    async def endpoint(request: Request) -> Response:
        return JSONResponse({"resource": number, "item_id": request.path_params["item_id"]})

    return Route(f"/api/resource{number}/{{item_id:int}}", endpoint)


app = Starlette(
    routes=[
        Route("/plaintext", plaintext),
        Route("/json", message),
        Route("/items/{item_id:int}", item),
        Route("/orders", order, methods=["POST"]),
        Route("/nested", nested),
        Route("/sleep", sleep),
        Route("/block", block),
        Route("/download", download),
        Route("/upload", upload, methods=["POST"]),
        Route("/events", events),
        WebSocketRoute("/ws", echo),
        *(resource(number) for number in range(ROUTES)),
    ]
)
