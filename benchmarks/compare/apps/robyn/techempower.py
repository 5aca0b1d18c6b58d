"""The six TechEmpower tests on Robyn."""

from __future__ import annotations

import os
from typing import Any

import worlds
from constants import TEXT
from robyn import Headers, Request, Response, Robyn

app = Robyn(__file__)
state: dict[str, Any] = {}
HTML = Headers({"content-type": "text/html; charset=utf-8"})


async def start() -> None:
    state["pool"] = await worlds.open_pool()


app.startup_handler(start)


@app.get("/json")
async def message() -> dict[str, Any]:
    return {"message": TEXT}


@app.get("/plaintext")
async def plaintext() -> str:
    return TEXT


@app.get("/db")
async def db() -> dict[str, Any]:
    return await worlds.one(state["pool"])


@app.get("/queries")
async def queries(request: Request) -> list[dict[str, int]]:
    count = worlds.count_of(request.query_params.get("queries", None))
    return await worlds.several(state["pool"], count)


@app.get("/fortunes")
async def fortunes() -> Response:
    return Response(200, HTML, await worlds.fortunes(state["pool"]))


@app.get("/updates")
async def updates(request: Request) -> list[dict[str, int]]:
    count = worlds.count_of(request.query_params.get("queries", None))
    return await worlds.update(state["pool"], count)


if __name__ == "__main__":
    app.start(host="127.0.0.1", port=int(os.environ["PORT"]))
