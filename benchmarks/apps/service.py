"""A small FastAPI application."""

from __future__ import annotations

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Item(BaseModel):
    """A JSON body with a few kinds of fields."""

    name: str
    price: float
    tags: list[str] = []


class Priced(BaseModel):
    """The answer to an item."""

    name: str
    total: float


@app.get("/")
async def hello() -> dict[str, str]:
    """No parameters."""
    return {"message": "Hello, World!"}


@app.get("/items/{item_id}")
async def read_item(item_id: int, q: str | None = None) -> dict[str, int | str | None]:
    """A converted path parameter and an optional query parameter."""
    return {"item_id": item_id, "q": q}


@app.post("/items")
async def price_item(item: Item) -> Priced:
    """A validated body and a response model."""
    return Priced(name=item.name, total=round(item.price * 1.25, 2))
