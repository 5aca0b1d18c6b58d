"""Responses: classes, status codes, streams, files, background work, yield dependencies, websockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import (
    APIRouter,
    BackgroundTasks,
    Depends,
    Response,
    WebSocket,
    WebSocketDisconnect,
    WebSocketException,
)
from fastapi.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    StreamingResponse,
)
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel

router = APIRouter()
FILE = Path(__file__).resolve().parent / "static" / "data.bin"
DONE: list[str] = []


class Out(BaseModel):
    """A response model that hides a field."""

    name: str
    size: float = 1.0


@router.get("/model", response_model=Out)
async def model() -> Any:
    """Filtered by the response model."""
    return {"name": "gr\u00fcn", "size": 1e16, "secret": "x"}


@router.get("/json-values")
async def json_values() -> Any:
    """Values whose text depends on the encoder."""
    return {
        "floats": [0.1, 1e-7, 1e16, -0.0, 1.0],
        "big": 1 << 70,
        "text": '\u00e9\u2028\U0001f600"\\/<>',
        "none": None,
    }


@router.get("/nan")
async def nan() -> Any:
    """No JSON number: 500 by JSONResponse."""
    return JSONResponse({"value": float("nan")})


@router.get("/html", response_class=HTMLResponse)
async def html() -> str:
    """HTML."""
    return "<p>gr\u00fcn</p>"


@router.get("/text")
async def text() -> PlainTextResponse:
    """Text with a status and headers."""
    return PlainTextResponse("text", 203, {"X-Text": "1"})


@router.get("/empty")
async def empty() -> Response:
    """A bare response."""
    return Response()


@router.get("/status/{code}")
async def status(code: int) -> Response:
    """A content under any status."""
    return Response(b"content", code, media_type="text/plain")


@router.delete("/no-content", status_code=204)
async def no_content() -> None:
    """204 by the decorator."""


@router.get("/reset-content", status_code=205)
async def reset_content() -> None:
    """205 keeps a content-length of 4 with no content, which uvicorn takes for an error of the app."""


@router.get("/not-modified", status_code=304)
async def not_modified() -> None:
    """304 by the decorator."""


@router.get("/redirect")
async def redirect() -> RedirectResponse:
    """A quoted location."""
    return RedirectResponse("/responses/text?q=gr\u00fcn und blau")


@router.get("/injected")
async def injected(response: Response) -> Any:
    """Headers, cookies and status by the injected response (trap 44)."""
    response.status_code = 206
    response.headers["X-Injected"] = "1"
    response.set_cookie("a", "1", httponly=True)
    response.set_cookie("b", "2; x", max_age=60)
    response.delete_cookie("c")
    return "injected"


@router.get("/stream")
async def stream() -> StreamingResponse:
    """An async generator."""

    async def parts() -> AsyncIterator[str]:
        for number in range(5):
            yield f"part {number}\n"

    return StreamingResponse(parts(), media_type="text/plain")


@router.get("/stream-sync")
def stream_sync() -> StreamingResponse:
    """A sync generator in threads."""

    def parts() -> Iterator[bytes]:
        for number in range(5):
            yield b"part %d\n" % number

    return StreamingResponse(parts())


@router.get("/stream-fails")
async def stream_fails() -> StreamingResponse:
    """Fails in the middle (trap 54)."""

    async def parts() -> AsyncIterator[str]:
        yield "one\n"
        raise RuntimeError("in the stream")

    return StreamingResponse(parts())


@router.get("/sse", response_class=EventSourceResponse)
async def sse() -> AsyncIterator[ServerSentEvent]:
    """Server-sent events by yield."""
    for number in range(3):
        yield ServerSentEvent(data={"n": number}, event="tick", id=str(number))


@router.get("/jsonl")
async def jsonl() -> AsyncIterator[Out]:
    """JSON lines by yield."""
    for number in range(3):
        yield Out(name=f"n{number}")


@router.get("/large")
async def large() -> Any:
    """Compressed by the middleware when asked for."""
    return ["0123456789"] * 100


@router.get("/file")
async def file() -> FileResponse:
    """A file with ranges (trap 52)."""
    return FileResponse(FILE, media_type="application/octet-stream", filename="data gr\u00fcn.bin")


@router.get("/background")
async def background(tasks: BackgroundTasks) -> Any:
    """Work after the response."""
    tasks.add_task(DONE.append, "done")
    return "scheduled"


async def transaction(q: str = "") -> AsyncIterator[str]:
    """A yield dependency."""
    try:
        yield f"session {q}"
    except KeyError as error:
        from fastapi import HTTPException

        raise HTTPException(409, f"rolled back {error}") from error


@router.get("/yield")
async def with_yield(session: Annotated[str, Depends(transaction)], fail: bool = False) -> Any:
    """An exception thrown into the dependency."""
    if fail:
        raise KeyError("key")
    return session


@router.websocket("/ws/{room}")
async def ws(websocket: WebSocket, room: str, q: int = 0) -> None:
    """Echoes JSON until the client leaves."""
    await websocket.accept(subprotocol="chat" if "chat" in websocket.scope["subprotocols"] else None)
    await websocket.send_json({"room": room, "q": q})
    try:
        while True:
            await websocket.send_text(json.dumps({"got": await websocket.receive_text()}))
    except WebSocketDisconnect:
        pass


@router.websocket("/ws-refused")
async def ws_refused(websocket: WebSocket) -> None:
    """Raises before accepting."""
    raise WebSocketException(1008, "refused")


@router.websocket("/ws-denied")
async def ws_denied(websocket: WebSocket) -> None:
    """A denial response."""
    await websocket.send_denial_response(JSONResponse({"denied": True}, 401))
