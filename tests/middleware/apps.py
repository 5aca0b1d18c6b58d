"""The app behind generated middleware: routes of every tier, and all that middleware tells apart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from fastapi import BackgroundTasks, Body, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import BaseModel
from starlette.responses import JSONResponse, RedirectResponse

from tests.middleware.layers import Stack


class Item(BaseModel):
    """A body."""

    name: str
    price: float = 1.5


class Own(Response):
    """A response that sends itself in two parts, and then fails if it is told to."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")]})
        await send({"type": "http.response.body", "body": bytes(self.body), "more_body": True})
        await send({"type": "http.response.body", "body": b"end"})


class Failing(Response):
    """A response that fails before it has sent anything."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raise HTTPException(409, "not sent")


def refuses(x_refuse: bool = False) -> None:
    """A dependency that raises."""
    if x_refuse:
        raise HTTPException(403, "refused", {"X-Why": "because", "Vary": "X-Refuse"})


def broken() -> None:
    """A dependency with an error."""
    raise RuntimeError("broken dependency")


async def yields() -> AsyncIterator[int]:
    """A dependency for the python tier."""
    yield 1


def make_app(stack: Stack) -> FastAPI:
    """A new app behind `stack`."""
    app = FastAPI()
    stack.add_to(app)

    @app.get("/")
    async def index() -> dict[str, str]:
        return {"message": "Hello, World!"}

    @app.api_route("/any", methods=["GET", "POST", "HEAD", "OPTIONS", "PUT"])
    def anything(response: Response) -> dict[str, str]:
        response.headers["vary"] = "Cookie"
        response.headers["access-control-allow-origin"] = "https://own.example"
        return {"any": "thing"}

    @app.get("/sized/{size}")
    def sized(size: int) -> Response:
        return PlainTextResponse("ab" * (size // 2) + "c" * (size % 2))

    @app.get("/text/{size}")
    async def text(size: int) -> str:
        await asyncio.sleep(0)
        return "".join(chr(97 + number * number % 23) for number in range(size))

    @app.get("/refused", dependencies=[Depends(refuses)])
    async def refused() -> list[int]:
        return [1] * 300

    @app.get("/broken", dependencies=[Depends(broken)])
    async def broken_one() -> None: ...

    @app.get("/error/{status}")
    async def error(status: int) -> None:
        raise HTTPException(status, "x" * 600, {"Vary": "X-Error"})

    @app.get("/unhandled")
    async def unhandled() -> None:
        raise RuntimeError("unhandled")

    @app.get("/types/{kind}")
    def types(kind: str, coding: str = "", vary: str = "", status: int = 200) -> Response:
        response = Response("t" * 700, status, media_type=f"{kind}/x")
        for value in vary.split("|") if vary else ():
            response.headers.append("vary", value)
        if coding:
            response.headers["content-encoding"] = coding
        return response

    @app.get("/bare")
    def bare() -> Response:
        response = Response(b"b" * 800)
        del response.headers["content-length"]
        return response

    @app.get("/empty/{status}")
    async def empty(status: int) -> Response:
        return Response(status_code=status)

    @app.post("/items")
    async def items(item: Item) -> Item:
        return item

    @app.post("/echo", status_code=201)
    def echo(data: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        return data

    @app.get("/number/{number}")
    async def number(number: int, limit: int = 3) -> dict[str, int]:
        return {"number": number, "limit": limit}

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            for _ in range(3):
                yield b"part" * 100
                await asyncio.sleep(0)

        return StreamingResponse(parts(), media_type="text/plain")

    @app.get("/generated")
    def generated() -> Iterator[dict[str, int]]:
        yield from ({"n": n} for n in range(3))

    @app.get("/own")
    async def own() -> Response:
        return Own("own" * 300)

    @app.get("/failing")
    async def failing() -> Response:
        return Failing()

    @app.get("/request")
    async def request(request: Request) -> JSONResponse:
        return JSONResponse({"url": str(request.url.path), "long": "l" * 600})

    @app.get("/yields")
    async def yielding(value: Annotated[int, Depends(yields)]) -> dict[str, Any]:
        return {"value": value, "long": ["y"] * 200}

    @app.get("/background")
    async def background(tasks: BackgroundTasks) -> str:
        tasks.add_task(asyncio.sleep, 0)
        return "b" * 600

    @app.get("/away")
    async def away() -> Response:
        return RedirectResponse("/?n=1")

    @app.get("/cookie")
    async def cookie(response: Response) -> str:
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return "cookies " * 100

    @app.get("/slash/")
    async def slash() -> None: ...

    return app
