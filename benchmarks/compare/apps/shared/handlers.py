"""Handlers of the basic workloads for frameworks that take FastAPI's way of declaring parameters.

They are written with real annotations: not all of these frameworks resolve those that are text.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from constants import ROUTES, TEXT


def message() -> dict[str, Any]:
    return {"message": TEXT}


def item(item_id: int, q: str | None = None) -> dict[str, Any]:
    return {"item_id": item_id, "q": q}


async def sleep() -> dict[str, Any]:
    await asyncio.sleep(0.01)
    return {"slept": 10}


def block() -> dict[str, Any]:
    time.sleep(0.01)
    return {"slept": 10}


def resource(number: int) -> Callable[[int], dict[str, int]]:
    """The endpoint of one route of many."""

    def endpoint(item_id: int) -> dict[str, int]:
        return {"resource": number, "item_id": item_id}

    return endpoint


def add_routes(app: Any) -> None:
    """What both frameworks declare alike."""
    app.get("/json")(message)
    app.get("/items/{item_id}")(item)
    app.get("/block")(block)
    for number in range(ROUTES):
        app.get(f"/api/resource{number}/{{item_id}}")(resource(number))
