"""The basic workloads on Litestar."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from constants import EVENT_SECONDS, MEGABYTE, ROUTES, TEXT
from fanout import Hub
from litestar import Litestar, MediaType, Request, Response, get, post, websocket_listener
from litestar.di import Provide
from litestar.params import Parameter
from litestar.response import Stream

hub = Hub(EVENT_SECONDS)


class Order(msgspec.Struct):
    """The validated body."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
    price: Annotated[float, msgspec.Meta(gt=0)]
    quantity: Annotated[int, msgspec.Meta(ge=1, le=1_000)]
    tags: list[str]


class Priced(msgspec.Struct):
    """The answer."""

    name: str
    total: float
    tags: int


@get("/plaintext", media_type=MediaType.TEXT)
async def plaintext() -> str:
    return TEXT


@get("/json")
async def message() -> dict[str, str]:
    return {"message": TEXT}


@get("/items/{item_id:int}")
async def item(item_id: int, q: str | None = None) -> dict[str, Any]:
    return {"item_id": item_id, "q": q}


@post("/orders", status_code=200)
async def order(data: Order) -> Priced:
    return Priced(data.name, data.price * data.quantity, len(data.tags))


async def page(limit: int = 10, offset: int = 0) -> dict[str, int]:
    return {"limit": limit, "offset": offset}


async def user(user_name: Annotated[str, Parameter(header="X-User")] = "nobody") -> str:
    return user_name


async def listing(page: dict[str, int], user: str) -> dict[str, Any]:
    return {"user": user, **page}


@get(
    "/nested",
    dependencies={"page": Provide(page), "user": Provide(user), "listing": Provide(listing)},
)
async def nested(listing: dict[str, Any]) -> dict[str, Any]:
    return listing


@get("/sleep")
async def sleep() -> dict[str, int]:
    await asyncio.sleep(0.01)
    return {"slept": 10}


@get("/block", sync_to_thread=True)
def block() -> dict[str, int]:
    time.sleep(0.01)
    return {"slept": 10}


@get("/download", media_type="application/octet-stream")
async def download() -> Response[bytes]:
    return Response(MEGABYTE, media_type="application/octet-stream")


@post("/upload", status_code=200)
async def upload(request: Request[Any, Any, Any]) -> dict[str, int]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return {"received": size}


@get("/events")
async def events(limit: int) -> Stream:
    async def stream() -> AsyncIterator[str]:
        async for number in hub.subscribe(limit):
            yield f"data: {number}\n\n"

    return Stream(stream(), media_type="text/event-stream")


@websocket_listener("/ws")
async def echo(data: str) -> str:
    return data


def resource(number: int) -> Any:
    @get(f"/api/resource{number}/{{item_id:int}}")
    async def endpoint(item_id: int) -> dict[str, int]:
        return {"resource": number, "item_id": item_id}

    return endpoint


app = Litestar(
    [
        *(plaintext, message, item, order, nested, sleep, block, download, upload, events, echo),
        *(resource(number) for number in range(ROUTES)),
    ],
    openapi_config=None,
    request_max_body_size=None,
)
