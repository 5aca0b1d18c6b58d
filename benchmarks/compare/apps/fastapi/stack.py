"""JSON behind a stack of middleware: three of Starlette's and one of the application's own."""

from __future__ import annotations

from constants import TEXT
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from named import Named

app = FastAPI()
app.add_middleware(Named)
app.add_middleware(GZipMiddleware, minimum_size=500)
app.add_middleware(CORSMiddleware, allow_origins=["https://example.com"])
app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])


@app.get("/stack")
async def message() -> dict[str, str]:
    return {"message": TEXT}
