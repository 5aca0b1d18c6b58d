"""The methods that plans take the place of: that they are FastAPI's and Starlette's own, and stay so.

Agents and tests replace methods, before an application is compiled or while it runs. `verify_stock` finds the
former, `STOCK_WATCHES` the latter.
"""

from __future__ import annotations

import gc
import json
import sys
from types import FunctionType
from typing import Any

import fastapi.routing
import starlette.applications
import starlette.background
import starlette.middleware.errors
import starlette.middleware.exceptions
import starlette.requests
import starlette.responses
import starlette.routing
from fastapi import FastAPI
from fastapi._compat.v2 import ModelField
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.telemetry._asgi import ExceptionTelemetryMiddleware

from turboapi.plans.reasons import NotPlannable

Methods = tuple[tuple[type, tuple[str, ...]], ...]
"""Classes with the names of methods of theirs."""

_RESPONSE = ("__init__", "__call__", "render", "init_headers")

_ROUTE: Methods = (
    (starlette.responses.Response, _RESPONSE),
    (starlette.responses.JSONResponse, ("__init__", "render")),
    (starlette.requests.Request, ("__init__", "body", "stream", "json", "form")),
    (starlette.requests.HTTPConnection, ("__init__", "headers", "query_params", "path_params", "cookies")),
    (ModelField, ("validate", "serialize", "serialize_json")),
    (fastapi.routing.APIRoute, ("matches", "handle")),
    (fastapi.routing.APIRouter, ("app",)),
    (fastapi.routing._IncludedRouter, ("matches", "handle", "_handle_selected", "_match")),
    (starlette.routing.Router, ("__call__", "app")),
    (starlette.routing.Route, ("matches", "handle")),
    (starlette.routing.Mount, ("matches", "handle")),
    (starlette.background.BackgroundTasks, ("__init__", "__call__", "add_task")),
)
"""What answers a request within the router."""

_STACK: Methods = (
    (FastAPI, ("__call__",)),
    (starlette.applications.Starlette, ("__call__",)),
    (starlette.middleware.errors.ServerErrorMiddleware, ("__call__",)),
    (ExceptionTelemetryMiddleware, ("__call__",)),
    (starlette.middleware.exceptions.ExceptionMiddleware, ("__call__",)),
    (AsyncExitStackMiddleware, ("__call__",)),
)
"""What a request passes through that a plan of the engine's need not pass through."""


def verify_stock() -> None:
    """Raises `NotPlannable` if a method that answers requests was replaced."""
    reason = replaced(_ROUTE) or _replaced_function("json", "loads") or _replaced_function("json", "dumps")
    if reason is not None:
        raise NotPlannable(reason)


def is_stack_stock() -> bool:
    """Whether nothing can notice that a request does not pass through FastAPI's own middleware."""
    return replaced(_STACK) is None


def replaced(methods: Methods) -> str | None:
    """Which of `methods` is not its class's own, if one is."""
    for cls, names in methods:
        for name in names:
            if not is_own(vars(cls).get(name), cls.__module__, name):
                return f"{cls.__module__}.{cls.__qualname__}.{name} was replaced"
    return None


def _replaced_function(module: str, name: str) -> str | None:
    # Both are in the package's __init__, whose __name__ is the package's.
    return None if is_own(getattr(json, name), module, name) else f"{module}.{name} was replaced"


def is_own(value: object, module: str, name: str) -> bool:
    """Whether a method or function is the one that `module` defines."""
    if isinstance(value, property):
        value = value.fget
    if isinstance(value, staticmethod):
        value = value.__func__
    # A wrapper can take over __module__ and __name__ (functools.wraps does), but not globals and code.
    return (
        type(value) is FunctionType
        and value.__globals__ is vars(sys.modules[module])
        and value.__code__.co_name == name
    )


def class_dictionary(cls: type) -> dict[str, Any]:
    """The dictionary behind `vars(cls)`, to be watched."""
    # `vars(cls)` is a view that hides the dictionary; the garbage collector shows it.
    [dictionary] = [one for one in gc.get_referents(cls.__dict__) if type(one) is dict]
    return dictionary


def watches_of(methods: Methods) -> list[tuple[Any, ...]]:
    """Methods that must stay what they are."""
    return [("item", class_dictionary(cls), name) for cls, names in methods for name in names]


STOCK_WATCHES: tuple[tuple[Any, ...], ...] = (
    *watches_of(_ROUTE),
    *watches_of(_STACK),
    *(
        ("item", class_dictionary(cls), name)
        for cls in (starlette.responses.HTMLResponse, starlette.responses.PlainTextResponse)
        for name in _RESPONSE
    ),
    *(("item", vars(json), name) for name in ("loads", "dumps")),
)
"""For the plans of any application."""
