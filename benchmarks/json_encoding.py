"""Time of one answer's body: the engine's encoders against what FastAPI does in Python, and against orjson.

    python -m benchmarks.json_encoding [--quick]

``encode_json`` is the native text of trees of builtins, ``Encoder`` the whole of building a response:
status, headers, body, and what it costs to hand them to Python. `json.dumps` and `jsonable_encoder` are
called as FastAPI's `JSONResponse` and `serialize_response` call them, pydantic as its `dump_json` path
does. orjson writes some floats differently (`1e-7` for `1e-07`), so no server can put it in FastAPI's
place: it shows how quick a walk over Python objects can be.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_json

from benchmarks.timing import Table, compare, installed, show
from turboapi._engine import Encoder, encode_json
from turboapi.plans.handlers import handler_facts
from turboapi.plans.responses import compile_response


class Item(BaseModel):
    """A row of a list."""

    id: int
    name: str
    price: float
    tags: list[str]
    done: bool
    at: datetime


def trees() -> dict[str, Any]:
    """Answers of exact builtins; `crates/turbo-bench/benches/json.rs` has the same."""
    row = {"id": 12, "name": "a name", "price": 12.5, "done": False, "tags": ["one", "two"]}
    return {
        '{"message": "hello"}': {"message": "hello"},
        "row of five values": row,
        "list of 100 rows": [{**row, "id": number} for number in range(100)],
        "1,000 floats": [number / 7 for number in range(1000)],
        "1,000 integers": list(range(1000)),
        "64 KB of ASCII": "text with spaces " * 3855,
        "64 KB of Greek": "κείμενο " * 4369,
        "16 KB to be escaped": 'quote " and\n' * 1365,
    }


def encoding(*, quick: bool = False) -> Table:
    """The JSON text alone, of each tree."""
    orjson = installed("orjson")
    rows: Table = {}
    for name, value in trees().items():
        calls: dict[str, Callable[[], object]] = {
            "encode_json": partial(encode_json, value),
            "json.dumps": partial(_dumps, value),
            "jsonable + dumps": partial(_jsonable_dumps, value),
            "pydantic to_json": partial(to_json, value),
        }
        if orjson is not None:
            calls["orjson"] = partial(orjson.dumps, value)
        for call in calls.values():
            if call() != _dumps(value):
                raise RuntimeError(f"{name}: {call} wrote another text")
        rows[name] = compare(calls, quick=quick)
    return rows


def building(*, quick: bool = False) -> Table:
    """Whole answers, status and headers included: of trees, and of models by their serializer."""
    rows: Table = {}
    encoder = _encoder(None)
    for name, value in trees().items():
        made = partial(_json_response, value)
        _same(name, encoder.encode(value), made())
        rows[name] = compare({"Encoder": partial(encoder.encode, value), "in Python": made}, quick=quick)
    for name, (model, value) in _models().items():
        encoder = _encoder(model)
        alone = partial(_validate_and_dump, TypeAdapter(model), value)
        answer = encoder.encode(value)
        if not isinstance(answer, tuple) or answer[2] != alone():
            raise RuntimeError(f"{name}: the answers differ")
        rows[name] = compare(
            {"Encoder": partial(encoder.encode, value), "pydantic alone": alone}, quick=quick
        )
    return rows


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


def _same(name: str, answer: object, response: JSONResponse) -> None:
    expected = (response.status_code, sorted(response.raw_headers), response.body)
    if not isinstance(answer, tuple) or (answer[0], sorted(answer[1]), answer[2]) != expected:
        raise RuntimeError(f"{name}: {answer!r} is not {expected!r}")


def _json_response(value: object) -> JSONResponse:
    return JSONResponse(jsonable_encoder(value))


def _validate_and_dump(adapter: TypeAdapter[Any], value: object) -> bytes:
    return adapter.dump_json(adapter.validate_python(value, from_attributes=True), by_alias=True)


def _jsonable_dumps(value: object) -> bytes:
    return _dumps(jsonable_encoder(value))


def _dumps(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.json_encoding", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short rounds, for a look")
    quick = parser.parse_args().quick
    print(show("JSON text", encoding(quick=quick)))
    print(show("whole answer", building(quick=quick)))


if __name__ == "__main__":
    main()
