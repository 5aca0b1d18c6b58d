"""The validated body as a pydantic model, for frameworks without a validation of their own."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class Order(BaseModel):
    """The fields and limits of the FastAPI application's model."""

    name: str = Field(min_length=1, max_length=50)
    price: float = Field(gt=0)
    quantity: int = Field(ge=1, le=1_000)
    tags: list[str]


def priced(order: Order) -> dict[str, Any]:
    """The answer."""
    return {"name": order.name, "total": order.price * order.quantity, "tags": len(order.tags)}
