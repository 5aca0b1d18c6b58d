"""The basic workloads on FastrAPI."""

import asyncio
import os
import time
from typing import Any

from constants import ROUTES, TEXT
from fastrapi import Depends, FastrAPI
from fastrapi.responses import PlainTextResponse
from orders import Order, priced

app = FastrAPI()


@app.get("/plaintext")
def plaintext() -> PlainTextResponse:
    return PlainTextResponse(TEXT)


@app.get("/json")
def message() -> dict[str, Any]:
    return {"message": TEXT}


@app.get("/items/{item_id}")
def item(item_id: int, q: str | None = None) -> dict[str, Any]:
    return {"item_id": item_id, "q": q}


@app.post("/orders")
def order(order: Order) -> dict[str, Any]:
    return priced(order)


def page(limit: int = 10, offset: int = 0) -> dict[str, int]:
    return {"limit": limit, "offset": offset}


def listing(page: dict[str, int] = Depends(page)) -> dict[str, Any]:  # noqa: B008
    return page


@app.get("/sleep")
async def sleep() -> dict[str, Any]:
    await asyncio.sleep(0.01)
    return {"slept": 10}


@app.get("/block")
def block() -> dict[str, Any]:
    time.sleep(0.01)
    return {"slept": 10}


def resource(number: int) -> Any:
    def endpoint(item_id: int) -> dict[str, int]:
        return {"resource": number, "item_id": item_id}

    return endpoint


for number in range(ROUTES):
    app.get(f"/api/resource{number}/{{item_id}}")(resource(number))

if __name__ == "__main__":
    app.serve("127.0.0.1", int(os.environ["PORT"]))
