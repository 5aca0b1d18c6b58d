"""Time of one answer's body: the engine's encoders against what FastAPI does in Python.

    python benchmarks/json_encoding.py

Prints nanoseconds of CPU a call, the best of several rounds. `json.dumps` and `jsonable_encoder` are called
as FastAPI's `JSONResponse` and `serialize_response` call them, pydantic as its `dump_json` path does. The
column "Encoder" includes status and headers, and what it costs to hand them to Python.
"""

from __future__ import annotations

import json
import sys
import time
import timeit
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel, TypeAdapter

import turboapi._engine
from turboapi._engine import Encoder, encode_json
from turboapi.plans.handlers import handler_facts
from turboapi.plans.responses import compile_response

ROUNDS = 7
ROUND_SECONDS = 0.05


class Item(BaseModel):
    """A row of a list."""

    id: int
    name: str
    price: float
    tags: list[str]
    done: bool
    at: datetime


def main() -> int:
    """Measure every row and print the table."""
    if turboapi._engine.build_profile == "debug":
        print("The engine is a debug build; its times mean nothing.", file=sys.stderr)
    print(f"{'value':<28}{'encode_json':>13}{'Encoder':>10}{'json.dumps':>12}{'jsonable + dumps':>18}")
    encoder = _encoder(None)
    for name, value in _trees().items():
        calls = (encode_json, encoder.encode, _dumps, _jsonable_dumps)
        times = [nanoseconds(partial(call, value)) for call in calls]
        print(f"{name:<28}{times[0]:>13,.0f}{times[1]:>10,.0f}{times[2]:>12,.0f}{times[3]:>18,.0f}")
    print()
    print(f"{'response model':<28}{'Encoder':>13}{'pydantic alone':>18}")
    for name, (model, value) in _models().items():
        own = nanoseconds(partial(_encoder(model).encode, value))
        pydantic = nanoseconds(partial(_validate_and_dump, TypeAdapter(model), value))
        print(f"{name:<28}{own:>13,.0f}{pydantic:>18,.0f}")
    return 0


def nanoseconds(call: Callable[[], object]) -> float:
    """The best CPU time of one call."""
    timer = timeit.Timer(call, timer=time.thread_time)
    calls = max(1, int(100 * ROUND_SECONDS / max(timer.timeit(100), 1e-9)))
    return min(timer.repeat(ROUNDS, calls)) / calls * 1e9


def _trees() -> dict[str, Any]:
    row = {"id": 12, "name": "a name", "price": 12.5, "done": False, "tags": ["one", "two"]}
    return {
        '{"message": "hello"}': {"message": "hello"},
        "row of five values": row,
        "list of 100 rows": [{**row, "id": number} for number in range(100)],
        "1,000 floats": [number / 7 for number in range(1000)],
        "1,000 integers": list(range(1000)),
        "64 KB of ASCII": "text with spaces " * 3855,
        "64 KB of Greek": "κείμενο " * 8192,
        "16 KB to be escaped": 'quote " and\n' * 1365,
    }


def _models() -> dict[str, tuple[Any, Any]]:
    def item(number: int) -> Item:
        at = datetime(2026, 1, 1, tzinfo=UTC)
        return Item(id=number, name="a name", price=12.5, tags=["one", "two"], done=False, at=at)

    return {"model": (Item, item(1)), "list of 100 models": (list[Item], [item(n) for n in range(100)])}


def _encoder(model: Any) -> Encoder:
    app = FastAPI()

    async def endpoint() -> None:
        """Declared, not called."""

    app.get("/", response_model=model)(endpoint)
    return Encoder(compile_response(handler_facts(app.routes[-1].app)))  # type: ignore[attr-defined]


def _validate_and_dump(adapter: TypeAdapter[Any], value: object) -> bytes:
    return adapter.dump_json(adapter.validate_python(value, from_attributes=True), by_alias=True)


def _jsonable_dumps(value: object) -> bytes:
    return _dumps(jsonable_encoder(value))


def _dumps(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


if __name__ == "__main__":
    raise SystemExit(main())
