"""The six TechEmpower tests on BlackSheep."""

from __future__ import annotations

from typing import Any

import worlds
from blacksheep import Application, Response, get, html, json, text
from constants import TEXT

app = Application()
state: dict[str, Any] = {}


@app.on_start
async def start(application: Application) -> None:
    state["pool"] = await worlds.open_pool()


@app.on_stop
async def stop(application: Application) -> None:
    await state["pool"].close()


@get("/json")
async def message() -> Response:
    return json({"message": TEXT})


@get("/plaintext")
async def plaintext() -> Response:
    return text(TEXT)


@get("/db")
async def db() -> Response:
    return json(await worlds.one(state["pool"]))


@get("/queries")
async def queries(queries: str | None = None) -> Response:
    return json(await worlds.several(state["pool"], worlds.count_of(queries)))


@get("/fortunes")
async def fortunes() -> Response:
    return html(await worlds.fortunes(state["pool"]))


@get("/updates")
async def updates(queries: str | None = None) -> Response:
    return json(await worlds.update(state["pool"], worlds.count_of(queries)))
