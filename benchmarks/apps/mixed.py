"""Quick `def` handlers beside ones that hold their thread for 50 milliseconds."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Annotated

from fastapi import Depends, FastAPI

SLEEP_SECONDS = 0.05

# Called through a table: what adaptive sync makes of a sleep is to be learned here, not read from the code.
WAYS_TO_WAIT = {"sleep": time.sleep}


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Notes which thread runs the event loop."""
    app.state.loop_thread = threading.get_ident()
    yield


app = FastAPI(lifespan=lifespan)

# Counters that count in one step, whatever the number of threads.
on_loop, on_threads = count(), count()


def note() -> None:
    """Counts one call of a quick handler by where it runs."""
    next(on_loop if threading.get_ident() == app.state.loop_thread else on_threads)


def limit(size: int = 10) -> int:
    """A dependency as quick as the handler."""
    return size


@app.get("/quick")
def quick() -> dict[str, str]:
    """A handler of a microsecond."""
    note()
    return {"message": "quick"}


@app.get("/quick/{item_id}")
def quick_item(item_id: int, size: Annotated[int, Depends(limit)]) -> dict[str, int]:
    """A handler of a few microseconds with a dependency."""
    note()
    return {"item_id": item_id, "size": size}


@app.get("/sleep")
def sleeper() -> dict[str, str]:
    """What a blocking driver does."""
    WAYS_TO_WAIT["sleep"](SLEEP_SECONDS)
    return {"message": "slept"}


@app.get("/either")
def either(seconds: float = 0.0) -> dict[str, str]:
    """Quick until somebody asks for more."""
    if seconds:
        WAYS_TO_WAIT["sleep"](seconds)
    return {"message": "either"}


@app.get("/where")
async def where() -> dict[str, int]:
    """How many calls of quick handlers ran on the loop's thread and elsewhere since the last question."""
    global on_loop, on_threads
    seen = {"loop": next(on_loop), "threads": next(on_threads)}
    on_loop, on_threads = count(), count()
    return seen
