"""Which answers of `def` endpoints are validated in a worker thread, as FastAPI validates all of them."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI, Response
from fastapi.exceptions import ResponseValidationError
from pydantic import BaseModel

from turboapi._engine import Encoder
from turboapi.plans.handlers import handler_facts
from turboapi.plans.responses import compile_response

from .encoding import Route


class Owner(BaseModel):
    name: str = "o"


class Item(BaseModel):
    id: int
    owner: Owner | None = None
    points: list[Point] = []


@dataclasses.dataclass
class Point:
    x: int = 1


class SubItem(Item):
    pass


class Other(BaseModel):
    id: int = 1


Item.model_rebuild()

FAMILIAR: dict[str, Callable[[], Any]] = {
    "builtins": lambda: {"id": 1, "owner": {"name": None}, "points": [1.5, True, ("a",), {b"a"}]},
    "model": lambda: Item(id=1, owner=Owner()),
    "nested model": lambda: {"id": 1, "owner": Owner()},
    "subclass": lambda: [SubItem(id=1)],
    "dataclass": lambda: [Point()],
    "values": lambda: [datetime(2020, 1, 1, tzinfo=UTC), Decimal(1)],
    "response": Response,
}
UNFAMILIAR: dict[str, Callable[[], Any]] = {
    "object": lambda: SimpleNamespace(id=1),
    "objects": lambda: [{"id": 1}, SimpleNamespace(id=1)],
    "deep object": lambda: {"a": ({"b": [SimpleNamespace()]},)},
    "another model": lambda: {"owner": Other()},
    "generator": lambda: (number for number in [1]),
    "deque": lambda: deque([1]),
    "key": lambda: {SimpleNamespace: 1},
    "many": lambda: list(range(10_000)),
}


def _encoder(model: Any = list[Item], *, sync: bool = True) -> Encoder:
    return Route(response_model=model, sync=sync).encoder()


@pytest.mark.parametrize("make", FAMILIAR.values(), ids=FAMILIAR)
def test_what_runs_no_code_of_the_app_needs_no_thread(make: Callable[[], Any]) -> None:
    assert not _encoder().wants_thread(make())


@pytest.mark.parametrize("make", UNFAMILIAR.values(), ids=UNFAMILIAR)
def test_what_may_run_code_of_the_app_wants_a_thread(make: Callable[[], Any]) -> None:
    assert _encoder().wants_thread(make())


def test_a_cycle_wants_a_thread() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    assert _encoder().wants_thread(cycle)


@pytest.mark.parametrize("make", UNFAMILIAR.values(), ids=UNFAMILIAR)
def test_an_async_endpoint_or_one_without_a_model_has_no_thread(make: Callable[[], Any]) -> None:
    assert not _encoder(sync=False).wants_thread(make())
    assert not _encoder(None).wants_thread(make())


def test_validation_for_a_thread_gives_the_model_or_fastapis_exception() -> None:
    encoder = _encoder(Item)
    assert encoder.validate(SimpleNamespace(id="5"), "GET", "") == Item(id=5)
    with pytest.raises(ResponseValidationError):
        encoder.validate(SimpleNamespace(id="x"), "GET", "")


def test_an_encoder_does_not_keep_its_app_alive() -> None:
    app = FastAPI()

    @app.get("/", response_model=Item)
    async def endpoint() -> None:
        """Never called."""

    app.state.encoder = Encoder(compile_response(handler_facts(app.routes[-1].app)))  # type: ignore[attr-defined]
    reference = weakref.ref(app)
    del app, endpoint
    gc.collect()
    assert reference() is None
