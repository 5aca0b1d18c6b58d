"""A FastAPI app with a bit of everything that shows on the wire. Written as a user would write it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.base import RequestResponseEndpoint
from starlette.responses import Response

from . import fastapi_bodies, fastapi_params, fastapi_responses

STATIC = Path(__file__).resolve().parent / "static"

app = FastAPI(title="differential")


class Teapot(Exception):
    """Has a handler."""


class Unhandled(Exception):
    """Has none."""


@app.exception_handler(Teapot)
async def on_teapot(request: Request, error: Teapot) -> JSONResponse:
    """A handler for an app's own exception."""
    return JSONResponse({"teapot": str(error), "path": request.url.path}, 418, {"x-handled": "yes"})


@app.exception_handler(410)
def on_gone(request: Request, error: Exception) -> PlainTextResponse:
    """A handler for a status, run in the thread pool."""
    return PlainTextResponse("gone for good", 410)


@app.middleware("http")
async def add_header(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """A function middleware: the body is streamed on by BaseHTTPMiddleware."""
    if request.headers.get("x-short-cut"):
        return PlainTextResponse("short cut", 202)
    response = await call_next(request)
    response.headers["x-middleware"] = "seen"
    return response


app.add_middleware(GZipMiddleware, minimum_size=200)
app.add_middleware(
    CORSMiddleware,
    allow_origins=["https://good.test"],
    allow_credentials=True,
    allow_methods=["GET", "POST"],
    allow_headers=["x-token"],
    expose_headers=["x-middleware"],
)

app.include_router(fastapi_params.router, prefix="/params", tags=["params"])
app.include_router(fastapi_bodies.router, prefix="/bodies")
app.include_router(fastapi_responses.router, prefix="/responses")


@app.get("/probe")
async def probe() -> str:
    """Asked by the harness."""
    return "ok"


@app.get("/mark", include_in_schema=False)
async def mark(text: str) -> str:
    """Asked by the harness: a line in the server's log."""
    logging.getLogger("uvicorn.error").info(text)
    return "marked"


@app.get("/")
async def root() -> dict[str, str]:
    """The shortest endpoint."""
    return {"hello": "world"}


@app.get("/sync")
def sync_root() -> dict[str, str]:
    """The same in a thread."""
    return {"hello": "thread"}


@app.get("/teapot")
async def teapot() -> None:
    """Raises what has a handler."""
    raise Teapot("short and stout")


@app.get("/gone")
async def gone() -> None:
    """Raises what has a handler by status."""
    raise HTTPException(410)


@app.get("/http-error/{status}")
async def http_error(status: int) -> None:
    """Raises HTTPException with headers."""
    raise HTTPException(status, detail={"why": ["a", 1]}, headers={"X-Error": "one", "Retry-After": "3"})


@app.get("/unhandled")
async def unhandled() -> None:
    """500, and the exception goes on to the server."""
    raise Unhandled("nobody")


@app.get("/unhandled-sync")
def unhandled_sync() -> None:
    """The same from a thread."""
    raise Unhandled("nobody")


@app.get("/bad-response", response_model=int)
async def bad_response() -> Any:
    """ResponseValidationError."""
    return "not an int"


@app.get("/url")
async def url(request: Request) -> dict[str, Any]:
    """What Starlette makes of the scope."""
    return {
        "url": str(request.url),
        "base_url": str(request.base_url),
        "path": request.url.path,
        "query": request.url.query,
        "scheme": request.url.scheme,
        "client": request.client.host if request.client else None,
        "for": str(request.url_for("probe")),
    }


@app.get("/slash/")
async def slash() -> str:
    """Reached by redirect without the slash."""
    return "with slash"


@app.get("/no-slash")
async def no_slash() -> str:
    """Reached by redirect with a slash."""
    return "without slash"


@app.api_route("/many-methods", methods=["GET", "PUT", "PURGE"])
async def many_methods(request: Request) -> str:
    """Several methods, one of them not registered anywhere."""
    return request.method


@app.head("/head-only")
async def head_only() -> Response:
    """HEAD without GET."""
    return Response(headers={"x-head": "1", "content-length": "17"})


sub = FastAPI()


@sub.get("/where")
async def where(request: Request) -> dict[str, Any]:
    """Paths inside a mounted app."""
    scope = request.scope
    return {"path": scope["path"], "root_path": scope["root_path"], "url": str(request.url)}


app.mount("/sub", sub)
app.mount("/static", StaticFiles(directory=STATIC, html=True), name="static")
