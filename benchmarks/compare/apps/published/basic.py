"""The basic workloads on the package that is published under the name ``turboapi`` and is another project."""

import asyncio
import os
import time
from typing import Any

from constants import MEGABYTE, ROUTES, TEXT
from dhi import BaseModel, Field

from turboapi import Depends, Request, Response, TurboAPI
from turboapi.responses import PlainTextResponse

app = TurboAPI()
app.configure_rate_limiting(enabled=False)


class Order(BaseModel):
    """The validated body."""

    name: str = Field(min_length=1, max_length=50)
    price: float = Field(gt=0)
    quantity: int = Field(ge=1, le=1_000)
    tags: list[str]


@app.get("/plaintext")
def plaintext() -> Any:
    return PlainTextResponse(TEXT)


@app.get("/json")
def message() -> dict[str, Any]:
    return {"message": TEXT}


@app.get("/items/{item_id}")
def item(item_id: int, q: str | None = None) -> dict[str, Any]:
    return {"item_id": item_id, "q": q}


@app.post("/orders")
def order(order: Order) -> dict[str, Any]:
    return {"name": order.name, "total": order.price * order.quantity, "tags": len(order.tags)}


def page(limit: int = 10, offset: int = 0) -> dict[str, int]:
    return {"limit": limit, "offset": offset}


def user(request: Request) -> str:
    return request.headers.get("x-user", "nobody")


def listing(page: dict[str, int] = Depends(page), user: str = Depends(user)) -> dict[str, Any]:  # noqa: B008
    return {"user": user, **page}


@app.get("/nested")
def nested(listing: dict[str, Any] = Depends(listing)) -> dict[str, Any]:  # noqa: B008
    return listing


@app.get("/sleep")
async def sleep() -> dict[str, Any]:
    await asyncio.sleep(0.01)
    return {"slept": 10}


@app.get("/block")
def block() -> dict[str, Any]:
    time.sleep(0.01)
    return {"slept": 10}


@app.get("/download")
def download() -> Any:
    return Response(MEGABYTE, media_type="application/octet-stream")


def resource(number: int) -> Any:
    def endpoint(item_id: int) -> dict[str, int]:
        return {"resource": number, "item_id": item_id}

    return endpoint


for number in range(ROUTES):
    app.get(f"/api/resource{number}/{{item_id}}")(resource(number))

if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ["PORT"]))
