"""One route for each kind of route plan; `benchmarks.plan_cost` has the requests.

Handlers that are about the framework and not about a model have none for their answer: `response_model=None`
is what a handler without a return annotation has, as in FastAPI's own examples. ``app`` has them all,
``many`` has 500 routes, ``fronted`` has a function middleware in front,
and ``thrice`` three of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Annotated

from fastapi import Depends, FastAPI, Form, Header, HTTPException, Request, Response
from fastapi.security import OAuth2PasswordBearer
from pydantic import BaseModel

ROUTES = 500


class Item(BaseModel):
    """A JSON body with a few kinds of fields."""

    name: str
    price: float
    tags: list[str] = []


class Priced(BaseModel):
    """The answer to an item."""

    name: str
    total: float


class Line(BaseModel):
    """One line of an order."""

    sku: str
    quantity: int
    price: float
    note: str | None = None


class Order(BaseModel):
    """A body of as many lines as a request likes."""

    customer: str
    lines: list[Line]


class Received(BaseModel):
    """The answer to an order."""

    customer: str
    lines: int


ITEMS = [Item(name=f"item {n}", price=n + 0.5, tags=["light", "desk"]) for n in range(100)]

app = FastAPI()
many = FastAPI()
fronted = FastAPI()
thrice = FastAPI()


@app.get("/def", response_model=None)
def plain_def() -> dict[str, str]:
    """No parameters."""
    return {"message": "Hello, World!"}


@app.get("/async", response_model=None)
async def plain_async() -> dict[str, str]:
    """No parameters."""
    return {"message": "Hello, World!"}


@app.get("/async/annotated")
async def annotated_async() -> dict[str, str]:
    """No parameters, and an answer that pydantic checks and serializes."""
    return {"message": "Hello, World!"}


@app.get("/def/items/{item_id}", response_model=None)
def item_def(item_id: int, q: str | None = None) -> dict[str, int | str | None]:
    """A converted path parameter and an optional query parameter."""
    return {"item_id": item_id, "q": q}


@app.get("/async/items/{item_id}", response_model=None)
@fronted.get("/async/items/{item_id}", response_model=None)
@thrice.get("/async/items/{item_id}", response_model=None)
async def item_async(item_id: int, q: str | None = None) -> dict[str, int | str | None]:
    """A converted path parameter and an optional query parameter."""
    return {"item_id": item_id, "q": q}


@app.post("/def/items")
def price_def(item: Item) -> Priced:
    """A validated body and a response model."""
    return Priced(name=item.name, total=round(item.price * 1.25, 2))


@app.post("/async/items")
async def price_async(item: Item) -> Priced:
    """A validated body and a response model."""
    return Priced(name=item.name, total=round(item.price * 1.25, 2))


def settings_def() -> dict[str, int]:
    """The inner of two dependencies."""
    return {"limit": 10}


def page_def(settings: Annotated[dict[str, int], Depends(settings_def)], skip: int = 0) -> dict[str, int]:
    """The outer of two dependencies."""
    return {"skip": skip, "limit": settings["limit"]}


@app.get("/def/nested", response_model=None)
def nested_def(page: Annotated[dict[str, int], Depends(page_def)]) -> dict[str, int]:
    """Two nested dependencies."""
    return page


async def settings_async() -> dict[str, int]:
    """The inner of two dependencies."""
    return {"limit": 10}


async def page_async(
    settings: Annotated[dict[str, int], Depends(settings_async)], skip: int = 0
) -> dict[str, int]:
    """The outer of two dependencies."""
    return {"skip": skip, "limit": settings["limit"]}


@app.get("/async/nested", response_model=None)
async def nested_async(page: Annotated[dict[str, int], Depends(page_async)]) -> dict[str, int]:
    """Two nested dependencies."""
    return page


def session_def() -> Iterator[dict[str, int]]:
    """A dependency that is entered and left."""
    session = {"open": 1}
    try:
        yield session
    finally:
        session["open"] = 0


@app.get("/def/session", response_model=None)
def with_session_def(session: Annotated[dict[str, int], Depends(session_def)]) -> dict[str, int]:
    """A yield dependency."""
    return session


async def session_async() -> AsyncIterator[dict[str, int]]:
    """A dependency that is entered and left."""
    session = {"open": 1}
    try:
        yield session
    finally:
        session["open"] = 0


@app.get("/async/session", response_model=None)
async def with_session_async(session: Annotated[dict[str, int], Depends(session_async)]) -> dict[str, int]:
    """A yield dependency."""
    return session


@app.get("/async/sleep", response_model=None)
async def sleep_zero() -> dict[str, str]:
    """One turn of the event loop."""
    await asyncio.sleep(0)
    return {"message": "Hello, World!"}


@app.get("/def/list")
def list_def() -> list[Item]:
    """A hundred models that exist already."""
    return ITEMS


@app.get("/async/list")
async def list_async() -> list[Item]:
    """A hundred models that exist already."""
    return ITEMS


@app.post("/def/orders")
def order_def(order: Order) -> Received:
    """A large body and a small answer."""
    return Received(customer=order.customer, lines=len(order.lines))


@app.post("/async/orders")
async def order_async(order: Order) -> Received:
    """A large body and a small answer."""
    return Received(customer=order.customer, lines=len(order.lines))


@app.get("/async/me", response_model=None)
async def secured(
    request: Request,
    token: Annotated[str, Depends(OAuth2PasswordBearer(tokenUrl="token"))],
    x_trace: Annotated[str, Header()] = "",
) -> dict[str, str]:
    """A security scheme, a header and the request itself."""
    return {"token": token, "trace": x_trace, "method": request.method}


@app.post("/async/login", response_model=None)
async def login(username: Annotated[str, Form()], password: Annotated[str, Form()]) -> dict[str, str | int]:
    """A form."""
    return {"username": username, "length": len(password)}


@app.get("/async/missing/{item_id}", response_model=None)
async def missing(item_id: int) -> dict[str, int]:
    """An error that the handler raises."""
    raise HTTPException(status_code=404, detail="Item not found")


@thrice.middleware("http")
async def inner_header(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """The innermost of three."""
    response = await call_next(request)
    response.headers["x-inner"] = "1"
    return response


@thrice.middleware("http")
async def middle_header(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """The second of three."""
    response = await call_next(request)
    response.headers["x-middle"] = "1"
    return response


@thrice.middleware("http")
@fronted.middleware("http")
async def add_header(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """What most function middleware does."""
    response = await call_next(request)
    response.headers["x-process"] = "1"
    return response


def _numbered(number: int) -> Callable[[], Awaitable[dict[str, int]]]:
    async def endpoint() -> dict[str, int]:
        return {"route": number}

    return endpoint


for _number in range(ROUTES):
    _path = f"/group{_number % 10}/route{_number}"
    many.get(_path, name=f"route{_number}", response_model=None)(_numbered(_number))
