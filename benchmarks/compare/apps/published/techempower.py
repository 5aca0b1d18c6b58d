"""The six TechEmpower tests on the package that is published under the name ``turboapi``."""

import asyncio
import os
from typing import Any

import worlds
from constants import TEXT

from turboapi import TurboAPI
from turboapi.responses import HTMLResponse, PlainTextResponse

app = TurboAPI()
app.configure_rate_limiting(enabled=False)
opening: list[asyncio.Task[Any]] = []


async def pool() -> Any:
    # Start-up handlers run on an event loop that is closed before the first request.
    if not opening:
        opening.append(asyncio.create_task(worlds.open_pool()))
    return await opening[0]


@app.get("/json")
def message() -> dict[str, Any]:
    return {"message": TEXT}


@app.get("/plaintext")
def plaintext() -> Any:
    return PlainTextResponse(TEXT)


@app.get("/db")
async def db() -> dict[str, int]:
    return await worlds.one(await pool())


@app.get("/queries")
async def queries(queries: str = "1") -> list[dict[str, int]]:
    return await worlds.several(await pool(), worlds.count_of(queries))


@app.get("/fortunes")
async def fortunes() -> Any:
    return HTMLResponse(await worlds.fortunes(await pool()))


@app.get("/updates")
async def updates(queries: str = "1") -> list[dict[str, int]]:
    return await worlds.update(await pool(), worlds.count_of(queries))


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ["PORT"]))
