"""JSON behind the same five middleware as in the FastAPI application."""

from __future__ import annotations

from typing import Any

from constants import TEXT
from named import Named
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


async def message(request: Request) -> Response:
    return JSONResponse({"message": TEXT})


stack: list[Any] = [
    Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"]),
    Middleware(CORSMiddleware, allow_origins=["https://example.com"]),
    Middleware(GZipMiddleware, minimum_size=500),
    Middleware(Named),
]
app = Starlette(routes=[Route("/stack", message)], middleware=stack)
