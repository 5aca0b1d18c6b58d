"""Where each middleware runs, and what `explain` says of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import starlette.middleware.cors
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

import turboapi.middleware
from tests.middleware.layers import PassingOn, Subclass
from turboapi.plans.explain import explain
from turboapi.plans.explain_text import explanation_text

STOCK: tuple[tuple[Any, dict[str, Any]], ...] = (
    (CORSMiddleware, {}),
    (GZipMiddleware, {}),
    (TrustedHostMiddleware, {}),
    (HTTPSRedirectMiddleware, {}),
)


def app_with(*layers: tuple[Any, dict[str, Any]]) -> FastAPI:
    """An app with these layers, outermost first."""
    app = FastAPI()
    for cls, settings in reversed(layers):
        app.add_middleware(cls, **settings)

    @app.get("/")
    async def index() -> None: ...

    return app


def places(app: FastAPI) -> list[tuple[str, str | None]]:
    """Where each layer runs, and why."""
    middleware = explain(app)["middleware"]
    assert middleware is not None
    assert middleware["direct"] == all(layer["runs"] == "engine" for layer in middleware["layers"])
    return [(layer["runs"], layer["reason"]) for layer in middleware["layers"]]


def test_the_stock_classes_are_starlettes() -> None:
    """The same objects, so `isinstance`, subclasses and other servers work with either name."""
    assert {getattr(turboapi.middleware, cls.__name__) for cls, _ in STOCK} == {cls for cls, _ in STOCK}


def test_stock_classes_run_in_the_engine() -> None:
    """In any number and order."""
    app = app_with(*STOCK, *STOCK)
    assert places(app) == [("engine", None)] * 8
    json.dumps(explain(app))
    text = explanation_text(explain(app))
    assert "starlette.middleware.gzip.GZipMiddleware: engine\n" in text
    assert "native routes answer without the middleware stack" in text


def test_foreign_middleware_splits_the_stack() -> None:
    """Outside of it early answers are the engine's, inside nothing is."""
    assert places(app_with(*STOCK, (PassingOn, {}), *STOCK)) == [
        ("early", "PassingOn is inside it"),
        ("python", "PassingOn is inside it"),
        ("early", "PassingOn is inside it"),
        ("early", "PassingOn is inside it"),
        ("python", "not a stock class"),
        *[("python", "PassingOn is outside it")] * 4,
    ]


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        ((Subclass, {}), "a subclass of CORSMiddleware"),
        ((CORSMiddleware, {"allow_origins": "*"}), "its allow_origins is a str"),
        ((CORSMiddleware, {"allow_methods": {"GET": 1}}), "its allow_methods is a dict"),
        ((CORSMiddleware, {"allow_credentials": [1]}), "its allow_credentials is a list"),
        ((CORSMiddleware, {"expose_headers": ["a\nb"]}), "its simple_headers has what no header can carry"),
        ((CORSMiddleware, {"expose_headers": ["\u20ac"]}), "its simple_headers has what no header can carry"),
        ((GZipMiddleware, {"minimum_size": 1.5}), "its minimum_size is a float"),
        ((GZipMiddleware, {"minimum_size": True}), "its minimum_size is a bool"),
        ((GZipMiddleware, {"compresslevel": 10}), "zlib has no level 10"),
        ((TrustedHostMiddleware, {"www_redirect": ()}), "its www_redirect is a tuple"),
    ],
    ids=str,
)
def test_what_is_in_doubt_stays_in_python(layer: tuple[Any, dict[str, Any]], reason: str) -> None:
    """A setting of a kind that the engine would read otherwise, or could not send."""
    assert places(app_with(layer)) == [("python", reason)]


def test_an_instance_with_more_attributes_stays_in_python() -> None:
    """Something is done to it that we know nothing of."""
    app = app_with((GZipMiddleware, {}))
    app.middleware_stack = app.build_middleware_stack()
    gzip: Any = app.middleware_stack
    while type(gzip) is not GZipMiddleware:
        gzip = gzip.app
    setattr(gzip, "traced", True)  # noqa: B010
    assert places(app) == [("python", "its attributes are not the class's own: traced")]


def test_a_replaced_method_keeps_its_class_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """As tracing packages do before the app is compiled."""
    original = CORSMiddleware.send

    async def send(*arguments: Any, **keywords: Any) -> None:
        await original(*arguments, **keywords)

    monkeypatch.setattr(CORSMiddleware, "send", send)
    reason = "starlette.middleware.cors.CORSMiddleware.send was replaced"
    assert places(app_with((CORSMiddleware, {}))) == [("python", reason)]
    monkeypatch.undo()
    monkeypatch.setattr(starlette.middleware.cors, "PlainTextResponse", object)
    reason = "starlette.middleware.cors.PlainTextResponse was replaced"
    assert places(app_with((CORSMiddleware, {}))) == [("python", reason)]
