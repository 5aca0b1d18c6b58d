"""The small application of the start-up self-check, and its requests."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date
from typing import Annotated, Any, NamedTuple

from fastapi import (
    BackgroundTasks,
    Body,
    Cookie,
    Depends,
    FastAPI,
    Form,
    Header,
    HTTPException,
    Path,
    Query,
    Request,
    Response,
)
from fastapi.responses import HTMLResponse, PlainTextResponse, StreamingResponse
from pydantic import BaseModel

Record = Callable[[str], None]


class Part(BaseModel):
    """A model within a model."""

    name: str
    weight: float | None = None


class Item(BaseModel):
    """A body and an answer."""

    name: str
    price: float
    tags: list[str] = []
    made: date | None = None
    parts: list[Part] = []


class Sent(NamedTuple):
    """One request of the self-check."""

    method: str
    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


_JSON = (("content-type", "application/json"),)
_ITEM = {"name": "lamp", "price": 12.5, "made": "2020-02-29", "parts": [{"name": "bulb", "weight": 1}]}

REQUESTS = (
    Sent(
        "GET",
        "/items/7",
        "q=a+b%C3%A9&limit=2&ratio=0.5&flag=on&tags=x&tags=y",
        (("x-token", "t"), ("x-token", "u"), ("cookie", "session=abc; other=1")),
    ),
    Sent("GET", "/items/7"),
    Sent("GET", "/items/seven", "limit=a"),
    Sent("POST", "/items", "", _JSON, json.dumps(_ITEM).encode()),
    Sent("POST", "/items", "", _JSON, b'{"name": 1}'),
    Sent("POST", "/items", "", _JSON, b"{"),
    Sent("PUT", "/items/3", "", _JSON, json.dumps({"item": _ITEM, "count": 2}).encode()),
    Sent("GET", "/nested", "size=3"),
    Sent("GET", "/sync/2", "size=3"),
    Sent("GET", "/missing"),
    Sent("GET", "/headers"),
    Sent("POST", "/created"),
    Sent("DELETE", "/gone"),
    Sent("GET", "/yield"),
    Sent("GET", "/yield", "fail=true"),
    Sent("GET", "/text"),
    Sent("GET", "/html"),
    Sent("GET", "/request", "a=1", (("x-token", "t"),)),
    Sent("POST", "/form", "", (("content-type", "application/x-www-form-urlencoded"),), b"name=a+b&size=4"),
    Sent("GET", "/background"),
    Sent("GET", "/stream"),
)
"""Every route, with what it accepts and with what it does not."""


def reference_app(record: Record) -> FastAPI:
    """The application; `record` is told what happens in it, in order."""
    app = FastAPI(openapi_url=None)
    _parameters(app)
    _answers(app)
    _dependencies(app, record)
    return app


def _parameters(app: FastAPI) -> None:
    @app.get("/items/{number}")
    async def read(
        number: Annotated[int, Path(ge=0)],
        x_token: Annotated[str | None, Header()] = None,
        session: Annotated[str | None, Cookie()] = None,
        q: str | None = None,
        limit: Annotated[int, Query(le=100)] = 10,
        ratio: float = 1.0,
        flag: bool = False,
        tags: Annotated[list[str], Query()] = [],  # noqa: B006
    ) -> Any:
        return [number, x_token, session, q, limit, ratio, flag, tags]

    @app.post("/items", response_model_exclude_unset=True)
    async def create(item: Item) -> Item:
        return item

    @app.put("/items/{number}")
    async def replace(number: int, item: Item, count: Annotated[int, Body()]) -> dict[str, Any]:
        return {"number": number, "item": item, "count": count}

    @app.post("/form")
    async def form(name: Annotated[str, Form()], size: Annotated[int, Form()]) -> Any:
        return {"name": name, "size": size}

    @app.get("/request")
    async def request(request: Request) -> Any:
        return [str(request.url), request.headers["x-token"], request.scope["path_params"]]


def _answers(app: FastAPI) -> None:
    @app.get("/missing")
    async def missing() -> None:
        raise HTTPException(404, {"what": "nothing"}, {"x-reason": "none"})

    @app.get("/headers")
    async def headers(response: Response) -> Any:
        response.headers["x-made"] = "here"
        response.set_cookie("seen", "1")
        response.status_code = 202
        return {"a": None, "b": [1.0, 1e16, True], "c": "é\n"}

    @app.post("/created", status_code=201)
    async def created() -> Any:
        return "made"

    @app.delete("/gone", status_code=204)
    async def gone() -> None: ...

    @app.get("/text")
    async def text() -> PlainTextResponse:
        return PlainTextResponse("text", headers={"x-made": "here"})

    @app.get("/html", response_class=HTMLResponse)
    async def html() -> str:
        return "<p>"

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(iter(["a", "b"]), media_type="text/plain")


def _dependencies(app: FastAPI, record: Record) -> None:
    def page(size: int = 1) -> int:
        record("page")
        return size

    async def user(size: int = Depends(page)) -> str:
        record("user")
        return f"user {size}"

    async def entered(fail: bool = False) -> AsyncIterator[bool]:
        record("enter")
        try:
            yield fail
        finally:
            record("exit")

    def entered_in_thread() -> Iterator[int]:
        record("enter in thread")
        yield 1
        record("exit in thread")

    @app.get("/nested")
    async def nested(
        one: str = Depends(user),
        two: str = Depends(user),
        again: str = Depends(user, use_cache=False),
    ) -> Any:
        return [one, two, again]

    @app.get("/sync/{number}")
    def sync(number: int, size: int = Depends(page)) -> dict[str, int]:
        return {"number": number, "size": size}

    @app.get("/yield")
    async def yielding(fail: bool = Depends(entered), _: int = Depends(entered_in_thread)) -> Any:
        if fail:
            raise HTTPException(418)
        return "done"

    @app.get("/background")
    async def background(tasks: BackgroundTasks) -> Any:
        tasks.add_task(record, "background")
        return "later"
