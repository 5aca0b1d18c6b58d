"""What `test_free_threaded_stress` serves: every handler is shared by all worker threads."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request, Response
from pydantic import BaseModel, Field

app = FastAPI()
token: contextvars.ContextVar[int] = contextvars.ContextVar("token")


class Tally:
    """Counts under one lock, for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.threads: set[int] = set()

    def add(self, name: str) -> None:
        """Counts one `name`."""
        with self._lock:
            self.counts[name] += 1

    def add_thread(self) -> None:
        """Notes the calling thread."""
        with self._lock:
            self.threads.add(threading.get_ident())


tally = Tally()


class Line(BaseModel):
    """A part of a body."""

    sku: str
    quantity: int = Field(ge=1)


class Order(BaseModel):
    """A body."""

    number: int
    lines: list[Line]
    note: str | None = None


class Receipt(BaseModel):
    """An answer."""

    number: int
    quantity: int
    lines: list[Line]


class Token:
    """A new one for every request; its dependants must see the same one."""

    def __init__(self, number: int) -> None:
        self.number = number


def make_token(n: int) -> Token:
    """The innermost dependency, cached within a request."""
    return Token(n)


def left(made: Annotated[Token, Depends(make_token)]) -> Token:
    """One of two that share it."""
    return made


async def right(made: Annotated[Token, Depends(make_token)]) -> Token:
    """The other."""
    await asyncio.sleep(0)
    return made


@app.get("/sync/{n}")
def plain_sync(n: int, q: str | None = None) -> dict[str, int | str | None]:
    """A `def` handler."""
    tally.add("sync")
    return {"n": n, "q": q}


@app.get("/async/{n}")
async def plain_async(n: int, q: str | None = None) -> dict[str, int | str | None]:
    """An `async def` handler, which runs on a worker's own thread."""
    tally.add("async")
    tally.add_thread()
    return {"n": n, "q": q}


@app.post("/orders")
async def order_async(order: Order) -> Receipt:
    """A model in, a model out."""
    tally.add("orders")
    quantity = sum(line.quantity for line in order.lines)
    return Receipt(number=order.number, quantity=quantity, lines=order.lines)


@app.post("/sync-orders")
def order_sync(order: Order) -> Receipt:
    """The same in a `def` handler."""
    tally.add("sync-orders")
    quantity = sum(line.quantity for line in order.lines)
    return Receipt(number=order.number, quantity=quantity, lines=order.lines)


@app.get("/shared/{n}")
async def shared(
    first: Annotated[Token, Depends(left)], second: Annotated[Token, Depends(right)]
) -> dict[str, int | bool]:
    """A dependency that two others share."""
    tally.add("shared")
    return {"n": first.number, "same": first is second}


async def set_token(n: int) -> int:
    """Sets the context of the request."""
    token.set(n)
    return n


@app.get("/context/{n}")
async def context(n: Annotated[int, Depends(set_token)]) -> dict[str, int | bool]:
    """The context is the request's own before and after a suspension."""
    before = token.get()
    await asyncio.sleep(0)
    tally.add("context")
    return {"n": n, "before": before, "after": token.get()}


@app.get("/clean")
async def clean() -> dict[str, int | None]:
    """No request sees another's context."""
    tally.add("clean")
    return {"token": token.get(None)}


def session() -> Iterator[int]:
    """Entered and left as often as there are requests."""
    tally.add("entered")
    try:
        yield 1
    finally:
        tally.add("left")


async def async_session(inner: Annotated[int, Depends(session)]) -> AsyncIterator[int]:
    """Around the other one."""
    tally.add("entered")
    try:
        yield inner + 1
    finally:
        tally.add("left")


@app.get("/session/{n}")
async def with_session(n: int, opened: Annotated[int, Depends(async_session)]) -> dict[str, int]:
    """Two yield dependencies."""
    tally.add("session")
    return {"n": n, "opened": opened}


@app.get("/missing/{n}")
async def missing(n: int) -> None:
    """An error from the handler."""
    tally.add("missing")
    raise HTTPException(status_code=404, detail=f"no {n}")


@app.get("/list")
async def listing(size: Annotated[int, Query(le=200)]) -> list[Line]:
    """A list of models."""
    tally.add("list")
    return [Line(sku=f"s{n}", quantity=n + 1) for n in range(size)]


@app.get("/headers")
async def headers(
    request: Request, response: Response, x_number: Annotated[int, Header()]
) -> dict[str, int | str]:
    """A header in, a header out, and the request."""
    tally.add("headers")
    response.headers["x-answer"] = str(x_number)
    return {"number": x_number, "path": request.url.path}


def real() -> str:
    """What `/overridden` depends on."""
    return "real"


def fake() -> str:
    """What it depends on while overridden."""
    return "fake"


@app.get("/overridden")
async def overridden(value: Annotated[str, Depends(real)]) -> dict[str, str]:
    """Its dependency is overridden and restored all the time."""
    tally.add("overridden")
    return {"value": value}


@app.post("/override/{on}")
async def override(on: bool) -> dict[str, bool]:
    """Overrides, or restores."""
    if on:
        app.dependency_overrides[real] = fake
    else:
        app.dependency_overrides.pop(real, None)
    return {"on": on}


@app.post("/grow/{n}")
async def grow(n: int) -> dict[str, int]:
    """Adds a route, which is there for every request that comes later."""

    async def grown() -> dict[str, int]:
        tally.add("grown")
        return {"grown": n}

    app.get(f"/grown/{n}")(grown)
    return {"n": n}


@app.get("/tally")
async def report() -> dict[str, object]:
    """All counts, the number of worker threads, and whether they were free."""
    return {
        "counts": dict(tally.counts),
        "threads": len(tally.threads),
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
    }
