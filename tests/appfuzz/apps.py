"""A whole generated app: routers, handlers, middleware, and its module as text."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from .answers import VALUE_DEFINITIONS
from .dependencies import BOOM, Parts, dependency, for_list
from .draw import Draw
from .models import model
from .routes import Route, route

PREAMBLE = '''"""{title}."""

{future}import asyncio
import re
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from ipaddress import IPv4Address
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Annotated, Any, Literal, Optional, Union
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import (
    APIRouter, BackgroundTasks, Body, Cookie, Depends, FastAPI, File, Form, Header, HTTPException, Path, Query, Request,
    Response, Security, UploadFile,
)
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.requests import HTTPConnection
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from fastapi.routing import APIRoute
from fastapi.security import (
    APIKeyCookie, APIKeyHeader, APIKeyQuery, HTTPBasic, HTTPBearer, HTTPDigest, OAuth2PasswordBearer, OpenIdConnect, SecurityScopes,
)
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import (
    AliasChoices, AnyUrl, BaseModel, ConfigDict, Field, RootModel, SecretStr, computed_field, field_serializer, field_validator, model_validator,
)
from pydantic.alias_generators import to_camel
from starlette.background import BackgroundTask
from starlette.datastructures import UploadFile as StarletteUploadFile
from starlette.exceptions import HTTPException as StarletteHTTPException
from typing_extensions import NotRequired, TypedDict

JOURNAL: dict[str, list[str]] = {{}}


def note(key: str, text: str) -> None:
    JOURNAL.setdefault(key, []).append(text)


async def journal(request: Request) -> Response:
    # The query is the first key to keep.
    for key in [key for key in JOURNAL if int(key) < int(request.url.query or 0)]:
        del JOURNAL[key]
    return JSONResponse(JOURNAL)
'''

_MIDDLEWARE = {
    "function": """@app.middleware("http")
async def around(request: Request, call_next: Any) -> Any:
    if request.headers.get("x-mode") == "short":
        return PlainTextResponse("short cut", 202)
    response = await call_next(request)
    response.headers["x-around"] = quote(request.url.path)
    return response""",
    "cors": 'app.add_middleware(CORSMiddleware, allow_origins=["https://good.test"], allow_credentials=True, allow_methods=["GET", "POST"], allow_headers=["x-mode"], expose_headers=["x-own"])',
    "cors-any": 'app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])',
    "gzip": "app.add_middleware(GZipMiddleware, minimum_size=100)",
    "hosts": 'app.add_middleware(TrustedHostMiddleware, allowed_hosts=["example.test", "*.good.test"])',
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
_HANDLERS = (
    '@app.exception_handler(Boom)\nasync def on_boom(request: Request, error: Boom) -> Any:\n    return JSONResponse({"boom": str(error), "path": request.url.path}, 418, {"X-Boom": "1"})',
    '@app.exception_handler(Boom)\ndef on_boom(request: Request, error: Boom) -> Any:\n    return PlainTextResponse(repr(error), 419)',
    '@app.exception_handler(RequestValidationError)\nasync def on_invalid(request: Request, error: RequestValidationError) -> Any:\n    return JSONResponse({"errors": len(error.errors()), "body": repr(error.body)[:200]}, 400)',
    '@app.exception_handler(StarletteHTTPException)\nasync def on_http(request: Request, error: StarletteHTTPException) -> Any:\n    return PlainTextResponse(f"{error.status_code} {error.detail!r}", error.status_code, headers=error.headers)',
    '@app.exception_handler(HTTPException)\ndef on_fastapi_http(request: Request, error: HTTPException) -> Any:\n    return JSONResponse({"wrapped": repr(error.detail)}, error.status_code)',
    '@app.exception_handler(404)\nasync def on_404(request: Request, error: Any) -> Any:\n    return PlainTextResponse("custom 404 " + type(error).__name__, 404)',
    '@app.exception_handler(500)\nasync def on_500(request: Request, error: Exception) -> Any:\n    return JSONResponse({"failed": type(error).__name__}, 500)',
    '@app.exception_handler(ValueError)\nasync def on_value(request: Request, error: ValueError) -> Any:\n    return JSONResponse({"value": str(error)[:100], "type": type(error).__name__}, 422)',
    '@app.exception_handler(ResponseValidationError)\nasync def on_response(request: Request, error: ResponseValidationError) -> Any:\n    return JSONResponse({"errors": len(error.errors())}, 500)',
)  # fmt: skip
_SUB = """sub = FastAPI(title="sub")


@sub.get("/deep/{n}")
def deep(n: int, request: Request) -> Any:
    return {"n": n, "root_path": request.scope["root_path"], "path": request.url.path}


app.mount("/sub", sub)"""
_OVERRIDE = "app.dependency_overrides[{0}] = lambda: {{'overridden': '{0}'}}"
_ROUTE_CLASS = """class Timed(APIRoute):
    def get_route_handler(self) -> Any:
        original = super().get_route_handler()

        async def handler(request: Request) -> Any:
            response = await original(request)
            response.headers["x-timed"] = "1"
            return response

        return handler"""


@dataclass
class App:
    """A generated app."""

    title: str
    parts: Parts
    create: str
    routes: list[Route]
    #: Statements that make the routers, and those that include them, innermost first.
    routers: list[str] = field(default_factory=list)
    includes: list[str] = field(default_factory=list)
    #: Handlers and middleware, each of which can be left out.
    additions: list[str] = field(default_factory=list)
    future: bool = False

    def render(self, routes: Collection[str] | None = None, additions: Collection[int] | None = None) -> str:
        """The module; only with the routes named and the additions numbered, if given."""
        chosen = [route for route in self.routes if routes is None or route.name in routes]
        extra = [
            text for number, text in enumerate(self.additions) if additions is None or number in additions
        ]
        texts = [route.render() for route in chosen]
        definitions = self.parts.definitions.needed_by(
            [self.create, *self.routers, *self.includes, *texts, *extra]
        )
        head = PREAMBLE.format(
            title=self.title, future="from __future__ import annotations\n\n" if self.future else ""
        )
        app = [self.create, 'app.add_route("/journal", journal)', *self.routers]
        return (
            "\n\n\n".join(
                [head.rstrip(), *definitions, "\n".join(app), *texts, "\n".join(self.includes), *extra]
            ).rstrip()
            + "\n"
        )

    def routes_at(self, template: str) -> list[Route]:
        """Routes with this template."""
        return [route for route in self.routes if route.template == template]


def app(seed: str, *, count: int = 25) -> App:
    """The app of a seed, with about `count` routes."""
    draw = Draw(seed)
    parts = Parts(draw)
    for _ in range(draw.randint(2, 6)):
        parts.models.append(model(draw, parts.definitions, parts.models))
    for _ in range(draw.randint(4, 12)):
        parts.dependencies.append(dependency(parts))
    parts.definitions.add("Boom", BOOM)
    arguments = ['title="fuzzed"', *_app_options(parts)]
    made = App(
        f"Generated by tests.appfuzz, seed {seed}", parts, f"app = FastAPI({', '.join(arguments)})", []
    )
    made.future = draw.chance(0.2)
    routers: list[tuple[str, str, dict[str, str]]] = [("app", "", {})]
    for number in range(draw.randint(0, 3)):
        routers.append(_router(made, number, routers))
    for _ in range(count):
        name, prefix, placeholders = draw.choice(routers) if draw.chance(0.5) else routers[0]
        made.routes.append(route(parts, prefix=prefix, prefix_placeholders=placeholders, router=name))
    made.includes.reverse()
    _additions(made)
    for name, source in VALUE_DEFINITIONS.items():
        parts.definitions.add(name, source)
    return made


def _free(parts: Parts) -> list[str]:
    """Dependencies for routers and apps: those that ask nothing of the body."""
    return [for_list(parts, one) for one in parts.draw.some(parts.dependencies, 2) if one.body is None]


def _app_options(parts: Parts) -> list[str]:
    draw = parts.draw
    options = []
    if draw.chance(0.1) and (items := _free(parts)):
        options.append(f"dependencies=[{', '.join(items)}]")
    if draw.chance(0.1):
        options.append(
            "default_response_class="
            + draw.pick("JSONResponse", "PlainTextResponse", "HTMLResponse", "JSONResponse")
        )
    if draw.chance(0.08):
        options.append("redirect_slashes=False")
    if draw.chance(0.08):
        options.append("strict_content_type=False")
    if draw.chance(0.05):
        options.append('root_path="/proxy"')
    if draw.chance(0.03):
        options.append("debug=True")
    return options


def _router(
    made: App, number: int, routers: list[tuple[str, str, dict[str, str]]]
) -> tuple[str, str, dict[str, str]]:
    parts = made.parts
    draw = parts.draw
    name = f"router_{number}"
    parent, above, placeholders = draw.choice(routers)
    own, placeholders = "", dict(placeholders)
    options = []
    if draw.chance(0.6):
        own = draw.pick("/api", "/v1", "/items", "/a")
        options.append(f'prefix="{own}"')
    if draw.chance(0.2) and (items := _free(parts)):
        options.append(f"dependencies=[{', '.join(items)}]")
    if draw.chance(0.06):
        options.append("default_response_class=JSONResponse")
    if draw.chance(0.06):
        parts.definitions.add("Timed", _ROUTE_CLASS)
        options.append("route_class=Timed")
    made.routers.append(f"{name} = APIRouter({', '.join(options)})")
    arguments = [name]
    included = ""
    if draw.chance(0.4):
        included = draw.pick("/in", "/{tenant}", "/b", "/{tenant:int}")
        if "tenant" in included:
            if "tenant" in placeholders:
                included = "/in"
            else:
                placeholders["tenant"] = "int" if ":" in included else ""
        arguments.append(f'prefix="{included}"')
    if draw.chance(0.15) and (items := _free(parts)):
        arguments.append(f"dependencies=[{', '.join(items)}]")
    made.includes.append(f"{parent}.include_router({', '.join(arguments)})")
    return name, above + included + own, placeholders


def _additions(made: App) -> None:
    draw, definitions = made.parts.draw, made.parts.definitions
    handlers = draw.some(_HANDLERS, 3) if draw.chance(0.6) else []
    named: set[str] = set()
    for handler in handlers:
        key = handler.split("(")[1].split(")")[0]
        if key not in named:
            named.add(key)
            made.additions.append(handler)
    if draw.chance(0.12):
        made.additions.append(_SUB)
    plain = [one.call for one in made.parts.dependencies if one.call.startswith("dep_")]
    if plain and draw.chance(0.06):
        made.additions.append(_OVERRIDE.format(draw.choice(plain)))
    if draw.chance(0.35):
        for name in draw.some(sorted(_MIDDLEWARE), 3):
            definitions.add("VAR", 'VAR: ContextVar[str] = ContextVar("VAR", default="unset")')
            made.additions.append(_MIDDLEWARE[name])
