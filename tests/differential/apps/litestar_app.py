"""A Litestar app."""

# The framework is no requirement of the development environment, so its types may be missing.
# mypy: ignore-errors

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from litestar import Litestar, Request, get, post, websocket
from litestar.connection import WebSocket
from litestar.datastructures import State, UploadFile
from litestar.enums import RequestEncodingType
from litestar.exceptions import HTTPException
from litestar.params import Body
from litestar.response import Redirect, Stream


@dataclass
class Item:
    """A body."""

    name: str
    price: float = 1.0


@get("/probe", sync_to_thread=False)
def probe() -> str:
    """Asked by the harness."""
    return "ok"


@get("/item/{number:int}")
async def item(number: int, q: str | None = None) -> dict[str, object]:
    """Parameters."""
    return {"number": number, "q": q}


@post("/item")
async def create(data: Item) -> Item:
    """A body."""
    return data


@post("/upload")
async def upload(data: Annotated[UploadFile, Body(media_type=RequestEncodingType.MULTI_PART)]) -> str:
    """A file."""
    return f"{data.filename} {len(await data.read())}"


@get("/sync", sync_to_thread=True)
def in_thread(request: Request[object, object, State]) -> str:
    """A thread."""
    return str(request.url.path)


@get("/stream")
async def stream() -> Stream:
    """A stream."""

    async def parts() -> AsyncIterator[bytes]:
        for number in range(3):
            yield b"%d;" % number

    return Stream(parts())


@get("/redirect")
async def redirect() -> Redirect:
    """A redirect."""
    return Redirect("/item/1")


@get("/fails")
async def fails() -> None:
    """500."""
    raise ValueError("in litestar")


@get("/refused")
async def refused() -> None:
    """403 with headers."""
    raise HTTPException("no", status_code=403, headers={"x-why": "because"})


@websocket("/ws")
async def ws(socket: WebSocket[object, object, State]) -> None:
    """One message back."""
    await socket.accept()
    await socket.send_text((await socket.receive_text()).upper())
    await socket.close()


app = Litestar(
    [probe, item, create, upload, in_thread, stream, redirect, fails, refused, ws], openapi_config=None
)
