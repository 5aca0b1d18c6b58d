"""Plugins of pydantic's: one that is only installed changes nothing, one that listens costs the tier."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pydantic.plugin._loader
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, TypeAdapter
from pydantic.plugin import ValidatePythonHandlerProtocol
from pydantic_core import SchemaValidator

from turboapi.plans.explain import explain
from turboapi.plans.validators import core_validator


class Handler(ValidatePythonHandlerProtocol):
    def on_enter(self, input: Any, **_: Any) -> None: ...


def plugin(handler: Handler | None) -> Callable[[], list[Any]]:
    class Plugin:
        def new_schema_validator(self, *_: Any) -> tuple[Any, None, None]:
            return handler, None, None

    return lambda: [Plugin()]


def tier(app: FastAPI) -> tuple[str, str | None]:
    [route] = [route for route in explain(app)["routes"] if not route["documentation"]]
    return route["tier"], route["reason"]


def make_app() -> FastAPI:
    app = FastAPI()

    class Item(BaseModel):
        name: str

    def create(number: int, item: Any) -> Any:
        return item

    create.__annotations__ = {"number": int, "item": Item, "return": Item}
    app.post("/{number}")(create)
    return app


def test_a_validator_of_pydantic_core_is_its_own() -> None:
    validator = TypeAdapter(int).validator
    assert type(validator) is SchemaValidator
    assert core_validator(validator) is validator


def test_anything_else_is_none() -> None:
    assert core_validator(object()) is None


def test_a_plugin_that_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pydantic.plugin._loader, "get_plugins", plugin(None))
    wrapped = TypeAdapter(int).validator
    assert type(wrapped) is not SchemaValidator
    assert type(core_validator(wrapped)) is SchemaValidator
    assert tier(make_app()) == ("native", None)


def test_a_plugin_that_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pydantic.plugin._loader, "get_plugins", plugin(Handler()))
    assert core_validator(TypeAdapter(int).validator) is None
    name, reason = tier(make_app())
    assert name == "python"
    assert "a plugin of pydantic's listens" in (reason or "")
