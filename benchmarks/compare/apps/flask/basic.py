"""The basic workloads on Flask."""

from __future__ import annotations

import time
from typing import Any

from constants import MEGABYTE, ROUTES, TEXT
from flask import Flask, Response, request
from orders import Order, priced

app = Flask(__name__)
CHUNK = 65_536


@app.get("/plaintext")
def plaintext() -> Response:
    return Response(TEXT, mimetype="text/plain")


@app.get("/json")
def message() -> dict[str, Any]:
    return {"message": TEXT}


@app.get("/items/<int:item_id>")
def item(item_id: int) -> dict[str, Any]:
    return {"item_id": item_id, "q": request.args.get("q")}


@app.post("/orders")
def order() -> dict[str, Any]:
    return priced(Order.model_validate_json(request.get_data()))


@app.get("/nested")
def nested() -> dict[str, Any]:
    return {
        "user": request.headers.get("X-User", "nobody"),
        "limit": request.args.get("limit", 10, int),
        "offset": request.args.get("offset", 0, int),
    }


@app.get("/sleep")
@app.get("/block")
def sleep() -> dict[str, Any]:
    time.sleep(0.01)
    return {"slept": 10}


@app.get("/download")
def download() -> Response:
    return Response(MEGABYTE, mimetype="application/octet-stream")


@app.post("/upload")
def upload() -> dict[str, Any]:
    size = 0
    while chunk := request.stream.read(CHUNK):
        size += len(chunk)
    return {"received": size}


def resource(number: int) -> None:
    def endpoint(item_id: int) -> dict[str, Any]:
        return {"resource": number, "item_id": item_id}

    app.add_url_rule(f"/api/resource{number}/<int:item_id>", f"resource{number}", endpoint)


for number in range(ROUTES):
    resource(number)
