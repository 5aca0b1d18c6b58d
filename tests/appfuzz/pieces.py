"""Texts that generated modules are put together from."""

from __future__ import annotations

PREAMBLE = '''"""{title}."""

{future}import asyncio
import gc
import re
import sys
import time as time_module
import warnings
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from functools import partial, wraps
from ipaddress import IPv4Address
from pathlib import Path as FilePath
from types import MappingProxyType, SimpleNamespace
from typing import Annotated, Any, Generic, Literal, Optional, TypeVar, Union
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

from anyio import create_task_group, from_thread, get_cancelled_exc_class, move_on_after
from fastapi import (
    APIRouter, BackgroundTasks, Body, Cookie, Depends, FastAPI, File, Form, Header, HTTPException, Path,
    Query, Request, Response, Security, UploadFile,
)
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.requests import HTTPConnection
from fastapi.responses import (
    FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse,
)
from fastapi.routing import APIRoute
from fastapi.security import (
    APIKeyCookie, APIKeyHeader, APIKeyQuery, HTTPBasic, HTTPBearer, HTTPDigest, OAuth2PasswordBearer,
    OpenIdConnect, SecurityScopes,
)
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import (
    AfterValidator, AliasChoices, AliasPath, AnyUrl, BaseModel, BeforeValidator, ConfigDict, Field, Json,
    PlainSerializer,
    RootModel, SecretStr, StrictInt, computed_field,
    field_serializer, field_validator, model_validator,
)
from pydantic.alias_generators import to_camel
from fastapi.concurrency import run_in_threadpool
from starlette.background import BackgroundTask
from starlette.datastructures import UploadFile as StarletteUploadFile
from starlette.exceptions import HTTPException as StarletteHTTPException
from typing_extensions import NotRequired, TypedDict

JOURNAL: dict[str, list[str]] = {{}}


def note(key: str, text: str) -> None:
    JOURNAL.setdefault(key, []).append(text)


def substitutes(app: FastAPI) -> int:
    """How many dispatch functions run without Starlette's task group."""
    one, count = app.middleware_stack, 0
    while one is not None:
        count += type(one).__name__ == "Substitute"
        one = getattr(one, "app", None)
    return count


# Once for each place says nothing here: that of a coroutine which nobody awaits is where the collector ran.
warnings.simplefilter("always", RuntimeWarning)


async def journal(request: Request) -> Response:
    if request.url.query == "collect":
        return JSONResponse(gc.collect())
    if request.url.query == "status":
        plans = sys.modules.get("turboapi.plans")
        found = plans and {{**plans.status(request.app), "substitutes": substitutes(request.app)}}
        return JSONResponse(found)
    # The query is the first key to keep.
    for key in [key for key in JOURNAL if int(key) < int(request.url.query or 0)]:
        del JOURNAL[key]
    return JSONResponse(JOURNAL)
'''

#: A route that changes the running app.
CHANGES = """changed: list[str] = []


@app.api_route("/change", methods=["POST"])
async def change(kind: str) -> Any:
    changed.append(kind)
    first = next(iter(app.dependency_overrides), None)
    if kind == "override":
        app.dependency_overrides[OVERRIDDEN] = lambda: {"overridden": len(changed)}
    elif kind == "restore":
        app.dependency_overrides.clear()
    elif kind == "add":
        app.add_api_route(f"/late/{len(changed)}", change, methods=["GET"])
    elif kind == "append":
        app.router.routes.append(APIRoute("/late", change, methods=["GET", "PUT"]))
    elif kind == "remove" and len(app.router.routes) > 12:
        app.router.routes.pop()
    elif kind == "reverse":
        app.router.routes[8:] = app.router.routes[:7:-1]
    elif kind == "rebuild":
        app.middleware_stack = None
    elif kind == "slashes":
        app.router.redirect_slashes = not app.router.redirect_slashes
    elif kind == "handler":
        app.add_exception_handler(HTTPException, lambda request, error: PlainTextResponse("changed", 499))
    elif kind == "override-in-place" and first is not None:
        app.dependency_overrides[first] = lambda: len(changed)
    elif kind == "status":
        for route in app.routes:
            if isinstance(route, APIRoute):
                route.status_code = 299
    elif kind == "call":
        for route in app.routes[-3:]:
            if isinstance(route, APIRoute) and not route.dependant.path_params:
                route.dependant.call = replaced
    elif kind == "state":
        app.state.changed = True
    return changed


async def replaced(**values: Any) -> Any:
    return ["replaced", sorted(values)]"""

LIFESPAN = """@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    VAR.set("from lifespan")
    yield {"started": True, "items": [1]}"""

#: By name, each of which can be left out.
MIDDLEWARE = {
    "cors": """app.add_middleware(
    CORSMiddleware,
    allow_origins=["https://good.test"],
    allow_credentials=True,
    allow_methods=["GET", "POST"],
    allow_headers=["x-mode"],
    expose_headers=["x-own"],
)""",
    "cors-any": """app.add_middleware(
    CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"]
)""",
    "gzip": """app.add_middleware(GZipMiddleware, minimum_size=100)""",
    "hosts": """app.add_middleware(TrustedHostMiddleware, allowed_hosts=["example.test", "*.good.test"])""",
    "pure": """class Pure:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def changed(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-pure", b"1")]
            await send(message)

        await self.app(scope, receive, changed)


app.add_middleware(Pure)""",
    "var": """class SetsVar:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        VAR.set("from middleware")
        await self.app(scope, receive, send)


app.add_middleware(SetsVar)""",
}

HANDLERS = (
    """@app.exception_handler(Boom)
async def on_boom(request: Request, error: Boom) -> Any:
    return JSONResponse({"boom": str(error), "path": request.url.path}, 418, {"X-Boom": "1"})""",
    """@app.exception_handler(Boom)
def on_boom(request: Request, error: Boom) -> Any:
    return PlainTextResponse(repr(error), 419)""",
    """@app.exception_handler(RequestValidationError)
async def on_invalid(request: Request, error: RequestValidationError) -> Any:
    return JSONResponse({"errors": len(error.errors()), "body": repr(error.body)[:200]}, 400)""",
    """@app.exception_handler(StarletteHTTPException)
async def on_http(request: Request, error: StarletteHTTPException) -> Any:
    text = f"{error.status_code} {error.detail!r}"
    return PlainTextResponse(text, error.status_code, headers=error.headers)""",
    """@app.exception_handler(HTTPException)
def on_fastapi_http(request: Request, error: HTTPException) -> Any:
    return JSONResponse({"wrapped": repr(error.detail)}, error.status_code)""",
    """@app.exception_handler(404)
async def on_404(request: Request, error: Any) -> Any:
    return PlainTextResponse("custom 404 " + type(error).__name__, 404)""",
    """@app.exception_handler(500)
async def on_500(request: Request, error: Exception) -> Any:
    return JSONResponse({"failed": type(error).__name__}, 500)""",
    """@app.exception_handler(ValueError)
async def on_value(request: Request, error: ValueError) -> Any:
    return JSONResponse({"value": str(error)[:100], "type": type(error).__name__}, 422)""",
    """@app.exception_handler(ResponseValidationError)
async def on_response(request: Request, error: ResponseValidationError) -> Any:
    return JSONResponse({"errors": len(error.errors())}, 500)""",
)
