"""FastAPI apps behind stock middleware: each class alone, and all four.

``bare`` has none, for comparison.
"""

from __future__ import annotations

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

LONG = "The quick brown fox jumps over the lazy dog. " * 445


def _app() -> FastAPI:
    app = FastAPI()

    @app.get("/async", response_model=None)
    async def plain_async() -> dict[str, str]:
        return {"message": "Hello, World!"}

    @app.get("/async/long", response_model=None)
    async def long_async() -> dict[str, str]:
        return {"message": LONG}

    return app


bare, cors, gzip, hosts, secure, stocked = (_app() for _ in range(6))

for _one in (gzip, stocked):
    _one.add_middleware(GZipMiddleware)
for _one in (cors, stocked):
    _one.add_middleware(
        CORSMiddleware, allow_origins=["https://example.org"], allow_methods=["*"], allow_credentials=True
    )
for _one in (hosts, stocked):
    _one.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "*.example.org"])
for _one in (secure, stocked):
    _one.add_middleware(HTTPSRedirectMiddleware)
