"""Generated stacks of middleware: the four stock classes with generated settings, and foreign ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.appfuzz.draw import Draw

ORIGINS = (
    "https://a.example", "https://b.example", "http://localhost:3000", "null", "https://gr\xfcn.example",
    "https://A.example", "https://sub.a.example", "https://x.a.example.evil",
)  # fmt: skip
METHODS = ("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD", "get", "BREW")
HEADERS = ("X-A", "x-b", "Content-Type", "Authorization", "X-Gr\xdcn", "")
HOSTS = (
    "example.test",
    "*.example.test",
    "www.other.test",
    "127.0.0.1",
    "Upper.Test",
    "*",
    "www.a!b",
    "::1",
    "[::1]",
)


class Subclass(CORSMiddleware):
    """Not exactly the stock class."""


class PassingOn:
    """A plain ASGI middleware that changes a header."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-passed", b"on"), (b"vary", b"X-Passed")]
            await send(message)

        await self.app(scope, receive, marked)


async def dispatched(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """What `app.middleware("http")` is given."""
    response = await call_next(request)
    response.headers["x-dispatched"] = request.url.path
    return response


@dataclass(frozen=True)
class Layer:
    """One call of `add_middleware`."""

    cls: Any
    settings: dict[str, Any]

    @property
    def stock(self) -> bool:
        """Whether the engine can stand in for it."""
        return self.cls in _STOCK


@dataclass(frozen=True)
class Stack:
    """The middleware of one app, innermost first, as it is added."""

    layers: tuple[Layer, ...]

    def add_to(self, app: FastAPI) -> None:
        """Add all of it."""
        for layer in self.layers:
            app.add_middleware(layer.cls, **layer.settings)

    @property
    def stock(self) -> bool:
        """Whether the engine can stand in for all of it."""
        return all(layer.stock for layer in self.layers)

    def __str__(self) -> str:
        return (
            ", ".join(f"{layer.cls.__name__}({layer.settings})" for layer in reversed(self.layers))
            or "nothing"
        )


def stack(draw: Draw) -> Stack:
    """Some layers in some order: mostly one to four stock ones, sometimes with a foreign one among them."""
    kinds = draw.sample(list(_STOCK), draw.pick(1, 1, 2, 3, 4))
    if draw.chance(0.15):
        kinds.append(draw.pick(*_STOCK))
    layers = [Layer(cls, _STOCK[cls](draw)) for cls in kinds]
    if draw.chance(0.3):
        foreign = draw.pick(
            Layer(PassingOn, {}),
            Layer(BaseHTTPMiddleware, {"dispatch": dispatched}),
            Layer(Subclass, _cors(draw)),
        )
        layers.insert(draw.randint(0, len(layers)), foreign)
    return Stack(tuple(layers))


def alone(draw: Draw, cls: Any) -> Stack:
    """One stock class by itself."""
    return Stack((Layer(cls, _STOCK[cls](draw)),))


def _collection(draw: Draw, values: list[str]) -> Any:
    return draw.pick(list, list, tuple, set, frozenset)(values)


def _cors(draw: Draw) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if draw.chance(0.85):
        origins = ["*"] if draw.chance(0.3) else draw.some(ORIGINS, 4)
        settings["allow_origins"] = "*" if draw.chance(0.05) else _collection(draw, origins)
    if draw.chance(0.25):
        settings["allow_origin_regex"] = draw.pick(
            r"https://.*\.example", r"(?i)https://a\.EXAMPLE", r"null|.*\xfc.*"
        )
    if draw.chance(0.6):
        methods = ["*"] if draw.chance(0.3) else draw.some(METHODS, 4)
        # The text of a set depends on the process, which is one here.
        settings["allow_methods"] = "GET, POST" if draw.chance(0.05) else _collection(draw, methods)
    if draw.chance(0.6):
        settings["allow_headers"] = _collection(draw, ["*"] if draw.chance(0.4) else draw.some(HEADERS, 4))
    if draw.chance(0.5):
        settings["allow_credentials"] = draw.pick(True, False, 1)
    if draw.chance(0.3):
        settings["allow_private_network"] = True
    if draw.chance(0.4):
        settings["expose_headers"] = draw.some(("X-A", "x-b", "Vary"), 3)
    if draw.chance(0.3):
        settings["max_age"] = draw.pick(0, -1, 86400, "text", 1.5)
    return settings


def _gzip(draw: Draw) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if draw.chance(0.7):
        settings["minimum_size"] = draw.pick(0, 1, 2, 10, 100, 500, 1024, 5000, -1, 99.5)
    if draw.chance(0.5):
        settings["compresslevel"] = draw.randint(-1, 9)
    if draw.chance(0.3):
        settings["thread_minimum_size"] = draw.pick(0, 600, 1500)
    if draw.chance(0.3):
        settings["exclude_content_types"] = draw.pick(
            (), ("application/json",), ("text/*", "application/grpc"), ("Text/Plain; charset=x",), ("",)
        )
    return settings


def _trusted_host(draw: Draw) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if draw.chance(0.9):
        # Mostly let requests through, so that what is further in matters too.
        hosts = draw.some(HOSTS[:5], 3) if draw.chance(0.4) else ["example.test", *draw.some(HOSTS, 2)]
        settings["allowed_hosts"] = hosts
    if draw.chance(0.3):
        settings["www_redirect"] = draw.pick(True, False, 0)
    return settings


_STOCK: dict[Any, Callable[[Draw], dict[str, Any]]] = {
    CORSMiddleware: _cors,
    GZipMiddleware: _gzip,
    TrustedHostMiddleware: _trusted_host,
    HTTPSRedirectMiddleware: lambda draw: {},
}
STOCK = tuple(_STOCK)
