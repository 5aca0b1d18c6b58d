"""Handlers of several sizes for worker threads in one process."""

from __future__ import annotations

import threading
from typing import Annotated

from fastapi import Depends, FastAPI
from pydantic import BaseModel

STEPS = 6_000

app = FastAPI()


class Numbers(BaseModel):
    """What is to be added up."""

    values: list[int]


class Sum(BaseModel):
    """The answer."""

    total: int


class Hits:
    """A counter that all threads share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    def __call__(self) -> bool:
        """Counts one request."""
        with self._lock:
            self._count += 1
        return True


@app.get("/items/{item_id}", response_model=None)
async def read_item(item_id: int, q: str | None = None) -> dict[str, int | str | None]:
    """As little as a handler does."""
    return {"item_id": item_id, "q": q}


@app.post("/sums")
async def add_up(numbers: Numbers) -> Sum:
    """A model in, a model out."""
    return Sum(total=sum(numbers.values))


@app.get("/hits", response_model=None)
async def count_hit(counted: Annotated[bool, Depends(Hits())]) -> dict[str, bool]:
    """A lock and a counter that all threads take turns at."""
    return {"counted": counted}


def _work() -> int:
    total = 0
    for number in range(STEPS):
        total = (total + number * number) % 65_521
    return total


@app.get("/async/work", response_model=None)
async def work_async() -> dict[str, int]:
    """A few hundred microseconds of Python."""
    return {"total": _work()}


@app.get("/def/work", response_model=None)
def work_def() -> dict[str, int]:
    """The same in a `def` handler, which is too slow to run on the loop's thread."""
    return {"total": _work()}
