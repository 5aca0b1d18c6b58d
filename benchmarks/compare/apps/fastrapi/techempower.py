"""The six TechEmpower tests on FastrAPI, over psycopg: its handlers cannot be awaited."""

import os
from typing import Any

import sync_worlds
import worlds
from constants import TEXT
from fastrapi import FastrAPI
from fastrapi.responses import HTMLResponse, PlainTextResponse

app = FastrAPI()
pool = sync_worlds.open_pool()


@app.get("/json")
def message() -> dict[str, Any]:
    return {"message": TEXT}


@app.get("/plaintext", response_class=PlainTextResponse)
def plaintext() -> str:
    return TEXT


@app.get("/db")
def db() -> dict[str, Any]:
    return sync_worlds.one(pool)


@app.get("/queries")
def queries(queries: str | None = None) -> list[dict[str, int]]:
    return sync_worlds.several(pool, worlds.count_of(queries))


@app.get("/fortunes")
def fortunes() -> HTMLResponse:
    return HTMLResponse(sync_worlds.fortunes(pool))


@app.get("/updates")
def updates(queries: str | None = None) -> list[dict[str, int]]:
    return sync_worlds.update(pool, worlds.count_of(queries))


if __name__ == "__main__":
    app.serve("127.0.0.1", int(os.environ["PORT"]))
