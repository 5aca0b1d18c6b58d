"""An endpoint that needs one of a few connections to something slow, as most endpoints do."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI

CONNECTIONS = 16
"""Requests that are served at once."""

HOLD_SECONDS = 0.02
"""How long each of them takes."""

app = FastAPI()
pool = asyncio.Semaphore(CONNECTIONS)


@app.get("/query")
async def query() -> dict[str, str]:
    """Waits for a connection and holds it."""
    async with pool:
        await asyncio.sleep(HOLD_SECONDS)
    return {"message": "done"}


@app.get("/health")
async def health() -> dict[str, str]:
    """What a load balancer asks."""
    return {"status": "up"}
