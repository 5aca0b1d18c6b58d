"""Middleware that the engine knows.

The four stock classes are Starlette's own, the very objects that `starlette.middleware` and
`fastapi.middleware` have: `app.add_middleware` takes them with the settings that FastAPI's users know, on any
server. On the engine an instance of exactly one of them does its work in Rust (`docs/middleware.md`); any
subclass runs as it is.

    from turboapi.middleware import CORSMiddleware

    app.add_middleware(CORSMiddleware, allow_origins=["https://example.org"], allow_credentials=True)
"""

from __future__ import annotations

from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

__all__ = [
    "CORSMiddleware",
    "GZipMiddleware",
    "HTTPSRedirectMiddleware",
    "TrustedHostMiddleware",
]
