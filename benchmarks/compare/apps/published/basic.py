"""The basic workloads on the package that is published under the name ``turboapi`` and is another project."""

import os
from typing import Any

from constants import MEGABYTE, TEXT
from dhi import BaseModel, Field
from handlers import add_routes, sleep

from turboapi import Response, TurboAPI
from turboapi.responses import PlainTextResponse

app = TurboAPI()
app.configure_rate_limiting(enabled=False)
add_routes(app)
app.get("/sleep")(sleep)


class Order(BaseModel):
    """The validated body."""

    name: str = Field(min_length=1, max_length=50)
    price: float = Field(gt=0)
    quantity: int = Field(ge=1, le=1_000)
    tags: list[str]


@app.get("/plaintext")
def plaintext() -> Any:
    return PlainTextResponse(TEXT)


@app.post("/orders")
def order(order: Order) -> dict[str, Any]:
    return {"name": order.name, "total": order.price * order.quantity, "tags": len(order.tags)}


@app.get("/download")
def download() -> Any:
    return Response(MEGABYTE, media_type="application/octet-stream")


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ["PORT"]))
