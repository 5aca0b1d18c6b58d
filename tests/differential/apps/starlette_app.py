"""A Starlette app: routes, mounts, class endpoints, host routing, class middleware, form, lifespan state."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

STATIC = Path(__file__).resolve().parent / "static"


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
    """State for every request."""
    yield {"greeting": "hello"}


async def probe(request: Request) -> Response:
    """Asked by the harness."""
    return PlainTextResponse("ok")


async def home(request: Request) -> Response:
    """The state and the query."""
    return JSONResponse({"greeting": request.state.greeting, "query": request.query_params.multi_items()})


def in_thread(request: Request) -> Response:
    """A sync endpoint."""
    return PlainTextResponse(f"thread {request.path_params['name']}")


class Things(HTTPEndpoint):
    """Methods by class."""

    async def get(self, request: Request) -> Response:
        """GET and HEAD."""
        return PlainTextResponse("things")

    async def post(self, request: Request) -> Response:
        """Form fields and files."""
        async with request.form(max_fields=3) as form:
            items = [
                [key, value if isinstance(value, str) else value.filename]
                for key, value in form.multi_items()
            ]
        return JSONResponse(items)


class Echo(WebSocketEndpoint):
    """Echo by class."""

    encoding = "text"

    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        """Back."""
        await websocket.send_text(data.upper())


async def headers(request: Request) -> Response:
    """Headers as seen, and all of the same name."""
    return JSONResponse([[name, value] for name, value in request.headers.items()])


async def cookies(request: Request) -> Response:
    """Cookies in and out."""
    response = JSONResponse(request.cookies)
    response.set_cookie("one", "1", secure=True, samesite="strict")
    response.set_cookie("two", "2", path="/x", domain="example.test")
    return response


async def body(request: Request) -> Response:
    """JSON in, JSON out."""
    return JSONResponse({"got": await request.json()})


async def generator(request: Request) -> Response:
    """A stream with a background task."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"a" * 10
        yield b""
        yield b"b" * 10

    return StreamingResponse(parts(), background=BackgroundTask(lambda: None), headers={"x-stream": "1"})


async def disconnected(request: Request) -> Response:
    """Reads a body that may end early."""
    try:
        return PlainTextResponse(str(len(await request.body())))
    except ClientDisconnect:
        return PlainTextResponse("gone", 499)


async def redirect(request: Request) -> Response:
    """To a route by name."""
    return RedirectResponse(request.url_for("home").include_query_params(a="\u00e9"), 303)


async def fails(request: Request) -> Response:
    """500 by ServerErrorMiddleware."""
    raise ValueError("in starlette")


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """A mounted ASGI callable."""
    text = f"{scope['root_path']} {scope['path']} {scope['raw_path'].decode()}"
    await PlainTextResponse(text)(scope, receive, send)


app = Starlette(
    lifespan=lifespan,
    middleware=[
        Middleware(TrustedHostMiddleware, allowed_hosts=["example.test", "*.example.test", "probe"]),
    ],
    routes=[
        Route("/probe", probe),
        Route("/", home, name="home"),
        Route("/thread/{name}", in_thread),
        Route("/things", Things),
        Route("/headers", headers),
        Route("/cookies", cookies),
        Route("/body", body, methods=["POST", "PATCH"]),
        Route("/generator", generator),
        Route("/disconnected", disconnected, methods=["POST"]),
        Route("/redirect", redirect),
        Route("/fails", fails),
        Route("/trailing/", probe),
        WebSocketRoute("/echo", Echo),
        Mount("/bare", bare),
        Mount("/files", StaticFiles(directory=STATIC)),
    ],
)
