"""Middleware that runs in the engine, before Python (docs/middleware.md).

The four stock classes are Starlette's own, the very objects that `starlette.middleware` and
`fastapi.middleware` have: `app.add_middleware` takes them with the settings that FastAPI's users know, on any
server. On the engine an instance of exactly one of them does its work in Rust; any subclass runs as it is.

    from turboapi.middleware import CORSMiddleware

    app.add_middleware(CORSMiddleware, allow_origins=["https://example.org"], allow_credentials=True)

The others are layers of the engine, which take all requests before the app: `Config.middleware` or
`app.engine_middleware` has a list of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from turboapi.middleware.base import EngineLayer
from turboapi.middleware.layers import BodyLimit, Compression, RequestId, SecurityHeaders, Timeout
from turboapi.middleware.limits import LoadShedding, RateLimit
from turboapi.middleware.metrics import Metrics

if TYPE_CHECKING:
    from starlette.middleware.cors import CORSMiddleware
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

__all__ = [
    "BodyLimit",
    "CORSMiddleware",
    "Compression",
    "EngineLayer",
    "GZipMiddleware",
    "HTTPSRedirectMiddleware",
    "LoadShedding",
    "Metrics",
    "RateLimit",
    "RequestId",
    "SecurityHeaders",
    "Timeout",
    "TrustedHostMiddleware",
]

_STOCK = {
    "CORSMiddleware": "starlette.middleware.cors",
    "GZipMiddleware": "starlette.middleware.gzip",
    "HTTPSRedirectMiddleware": "starlette.middleware.httpsredirect",
    "TrustedHostMiddleware": "starlette.middleware.trustedhost",
}


def __getattr__(name: str) -> Any:
    # Supervisors import this package for its settings; Starlette is for the processes that serve.
    if name in _STOCK:
        return getattr(importlib.import_module(_STOCK[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
