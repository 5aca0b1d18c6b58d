"""The six TechEmpower tests on Flask, over psycopg."""

from __future__ import annotations

from typing import Any

import sync_worlds
import worlds
from constants import TEXT
from flask import Flask, Response, request

app = Flask(__name__)
pool = sync_worlds.open_pool()


@app.get("/json")
def message() -> dict[str, Any]:
    return {"message": TEXT}


@app.get("/plaintext")
def plaintext() -> Response:
    return Response(TEXT, mimetype="text/plain")


@app.get("/db")
def db() -> dict[str, int]:
    return sync_worlds.one(pool)


@app.get("/queries")
def queries() -> list[dict[str, int]]:
    return sync_worlds.several(pool, worlds.count_of(request.args.get("queries")))


@app.get("/fortunes")
def fortunes() -> str:
    return sync_worlds.fortunes(pool)


@app.get("/updates")
def updates() -> list[dict[str, int]]:
    return sync_worlds.update(pool, worlds.count_of(request.args.get("queries")))
