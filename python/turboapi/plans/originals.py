"""FastAPI's functions that the python tier stands in for: that they are FastAPI's, and that they still are.

Tracing packages replace such functions when they are imported, tests replace them for a moment. A plan that
was compiled from the originals must not outlive either, so what it relies on is verified once and compared
for each request.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable
from contextlib import AsyncExitStack
from operator import itemgetter
from types import CodeType, FunctionType
from typing import Any

import fastapi.dependencies.utils
import fastapi.routing
import starlette.requests
import starlette.responses

from turboapi.plans.reasons import NotPlannable

ROUTING: dict[str, Any] = vars(fastapi.routing)
UTILS: dict[str, Any] = vars(fastapi.dependencies.utils)

# The module each function of fastapi.routing's namespace is defined in.
_FUNCTIONS = {
    "request_response": "fastapi.routing",
    "run_endpoint_function": "fastapi.routing",
    "serialize_response": "fastapi.routing",
    "_build_response_args": "fastapi.routing",
    "_extract_endpoint_context": "fastapi.routing",
    "solve_dependencies": "fastapi.dependencies.utils",
    "_operation": "fastapi.telemetry._api",
    "_run_sync_endpoint": "fastapi.telemetry._api",
    "get_telemetry_data": "fastapi.telemetry._api",
    "jsonable_encoder": "fastapi.encoders",
    "is_body_allowed_for_status_code": "fastapi.utils",
    "wrap_app_handling_exceptions": "starlette._exception_handler",
    "run_in_threadpool": "starlette.concurrency",
}
_CLASSES: dict[str, type] = {
    "AsyncExitStack": AsyncExitStack,
    "JSONResponse": starlette.responses.JSONResponse,
    "Request": starlette.requests.Request,
    "Response": starlette.responses.Response,
}
# What solve_dependencies of fastapi.dependencies.utils calls.
_UTILS_FUNCTIONS = {
    "_solve_generator": "fastapi.dependencies.utils",
    "solve_dependencies": "fastapi.dependencies.utils",
    "request_body_to_args": "fastapi.dependencies.utils",
    "request_params_to_args": "fastapi.dependencies.utils",
    "contextmanager_in_threadpool": "fastapi.concurrency",
    "run_in_threadpool": "starlette.concurrency",
}
_METHODS = (
    (starlette.responses.Response, ("__init__", "__call__", "render", "init_headers")),
    (starlette.responses.JSONResponse, ("__init__", "render")),
    (starlette.requests.Request, ("__init__", "body", "stream", "json", "form")),
)


class Watched:
    """Names of a module with the objects they named when this was made."""

    __slots__ = ("names", "read", "values")

    def __init__(self, namespace: dict[str, Any], names: Iterable[str]) -> None:
        ordered = sorted(names)
        self.names = tuple(ordered)
        # With one name an itemgetter returns no tuple; the second makes it one.
        self.read = itemgetter(*ordered, ordered[0])
        self.values: tuple[Any, ...] = self.read(namespace)


def verify_originals() -> None:
    """Raises `NotPlannable` if what the python tier stands in for is not FastAPI's or Starlette's own."""
    for namespace, functions in ((ROUTING, _FUNCTIONS), (UTILS, _UTILS_FUNCTIONS)):
        for name, home in functions.items():
            _verify(namespace.get(name), name, home)
    for name, cls in _CLASSES.items():
        if ROUTING.get(name) is not cls:
            raise NotPlannable(f"fastapi.routing.{name} was replaced")
    for cls, names in _METHODS:
        for name in names:
            _verify(vars(cls).get(name), name, cls.__module__)
    if not hasattr(AsyncExitStack(), "_exit_callbacks"):
        raise NotPlannable("this Python's AsyncExitStack does not show whether it is empty")


def _verify(value: object, name: str, home: str) -> None:
    module = sys.modules.get(home)
    if type(value) is FunctionType and value.__globals__ is vars(contextlib):
        value = getattr(value, "__wrapped__", None)
    # A wrapper can take over __module__ and __name__ (functools.wraps does), but not globals and code.
    if (
        module is None
        or type(value) is not FunctionType
        or value.__globals__ is not vars(module)
        or value.__code__.co_name != name
    ):
        raise NotPlannable(f"{home}.{name} was replaced")


def watch_routing() -> Watched:
    """What a plan of its own shape takes the place of."""
    return Watched(ROUTING, _FUNCTIONS.keys() | _CLASSES.keys())


def watch_utils() -> Watched:
    """What solving dependencies takes the place of."""
    return Watched(UTILS, _UTILS_FUNCTIONS)


def global_names(code: CodeType) -> frozenset[str]:
    """The names that `code` and the functions it defines look up in their module."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= global_names(constant)
    return frozenset(names)


def text_of(code: CodeType, start: str) -> str:
    """The text that starts with `start` in the constants of `code`, so that an error reads as FastAPI's."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            try:
                return text_of(constant, start)
            except NotPlannable:
                continue
        if isinstance(constant, str) and constant.startswith(start):
            return constant
    raise NotPlannable(f"its handler no longer says {start!r}")
