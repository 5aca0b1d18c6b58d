"""The basic workloads on FastrAPI."""

import os
from typing import Any

from constants import TEXT
from fastrapi import Depends, FastrAPI, Header
from fastrapi.responses import PlainTextResponse
from handlers import add_routes
from orders import Order, priced

app = FastrAPI()
add_routes(app)


@app.get("/plaintext", response_class=PlainTextResponse)
def plaintext() -> str:
    return TEXT


@app.post("/orders")
def order(order: Order) -> dict[str, Any]:
    return priced(order)


def page(limit: int = 10, offset: int = 0) -> dict[str, int]:
    return {"limit": limit, "offset": offset}


def user(x_user: str = Header("nobody")) -> str:
    return x_user


def listing(page: dict[str, int] = Depends(page), user: str = Depends(user)) -> dict[str, Any]:  # noqa: B008
    return {"user": user, **page}


@app.get("/nested")
def nested(listing: dict[str, Any] = Depends(listing)) -> dict[str, Any]:  # noqa: B008
    return listing


if __name__ == "__main__":
    app.serve("127.0.0.1", int(os.environ["PORT"]))
