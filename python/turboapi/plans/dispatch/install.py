"""Which middleware gets a substitute, and putting it there."""

from __future__ import annotations

import inspect
from importlib.metadata import version
from typing import Any

import anyio
import anyio.streams.memory
import starlette._utils
import starlette.middleware.base
from anyio._backends import _asyncio as anyio_asyncio
from fastapi import FastAPI
from fastapi.telemetry._asgi import ExceptionTelemetryMiddleware
from starlette.middleware.base import BaseHTTPMiddleware, _CachedRequest, _StreamingResponse
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import HTTPConnection, Request

from turboapi._engine import PlanTable
from turboapi.plans.dispatch.exchange import Entry
from turboapi.plans.dispatch.front import Front
from turboapi.plans.dispatch.substitute import Substitute
from turboapi.plans.stacks import MiddlewareStack
from turboapi.plans.stock import class_dictionary, is_own, is_stack_stock

KNOWN_ANYIO = ("4.16",)
"""Series of releases whose task groups the exchange knows from inside."""

_METHODS: tuple[tuple[type, tuple[str, ...]], ...] = (
    (BaseHTTPMiddleware, ("__init__", "__call__")),
    (HTTPConnection, ("__init__",)),
    (Request, ("__init__",)),
    (_CachedRequest, ("__init__", "__new__", "wrapped_receive")),
    (_StreamingResponse, ("__init__", "__new__", "__call__")),
    (anyio_asyncio.TaskGroup, ("__init__", "__aenter__", "__aexit__", "_spawn", "start_soon")),
    (anyio_asyncio.CancelScope, ("__enter__", "__exit__", "cancel", "_deliver_cancellation")),
    (anyio.streams.memory.MemoryObjectReceiveStream, ("receive", "receive_nowait", "close")),
    (anyio.streams.memory.MemoryObjectSendStream, ("send", "send_nowait", "close")),
)
"""What the exchange stands in for or relies on; all of it is defined in the class itself, or in none."""

_NAMES: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (
        starlette.middleware.base,
        (
            "BaseHTTPMiddleware",
            "_CachedRequest",
            "_StreamingResponse",
            "create_collapsing_task_group",
            "anyio",
        ),
    ),
    (starlette._utils, ("create_collapsing_task_group", "anyio")),
    (anyio, ("Event", "create_task_group", "create_memory_object_stream")),
)
_OBJECTS = [(module, name, getattr(module, name)) for module, names in _NAMES for name in names]
_CALL = BaseHTTPMiddleware.__call__


def dispatch_watches(stack: MiddlewareStack) -> list[tuple[Any, ...]]:
    """What must stay as it is for the substitutes in `stack` to be right; for the plan table."""
    watches: list[tuple[Any, ...]] = [
        ("item", class_dictionary(cls), name) for cls, names in _METHODS for name in names
    ]
    watches += [("item", vars(module), name) for module, names in _NAMES for name in names]
    for one in stack.middleware:
        if isinstance(one, BaseHTTPMiddleware):
            watches.append(("attribute", type(one), "__call__", type(one).__call__))
    return watches


def install_dispatch(app: FastAPI, stack: MiddlewareStack, table: PlanTable) -> MiddlewareStack:
    """Put substitutes where they can stand in `stack`, and put those out of use that no longer can.

    Called with the lock of the application's plans, whenever these are made anew.
    """
    replaced = _replaced()
    stock = is_stack_stock()
    entry = Entry(stack.exceptions, stack.innermost, table) if stock else None
    chain = [stack.outermost]
    for front, one in zip(stack.chain, stack.chain[1:], strict=False):
        middleware = one.app if type(one) is Substitute else one
        suitable = replaced is None and _unsuitable(middleware) is None
        if type(one) is Substitute:
            one.entry = entry
            one.active = suitable
        elif suitable and type(front) is not Substitute and _leads_to(front, one):
            substitute = Substitute(one, table)
            substitute.entry = entry
            substitute.active = True
            front.app = substitute
            chain.append(substitute)
        chain.append(one)
    stack = stack._replace(chain=tuple(chain))
    return stack._replace(front=_front(app, stack)) if stock else stack


def _front(app: FastAPI, stack: MiddlewareStack) -> Front | None:
    """In place of the application and of FastAPI's own middleware in front of the user's."""
    first = tuple(map(type, stack.chain[:3]))
    if first != (ServerErrorMiddleware, ExceptionTelemetryMiddleware, Substitute):
        return None
    return Front(app, stack.outermost, stack.chain[2])


def dispatch_report(stack: MiddlewareStack) -> list[str | None]:
    """For each of `stack.middleware`: how its dispatch function runs; None for what has none."""
    replaced = _replaced()
    substituted = {id(one.app) for one in stack.chain if type(one) is Substitute}
    report: list[str | None] = []
    for one in stack.middleware:
        if not isinstance(one, BaseHTTPMiddleware):
            report.append(None)
            continue
        reason = replaced or _unsuitable(one)
        if reason is None and id(one) not in substituted:
            reason = "the middleware in front of it hides what it wraps"
        report.append(
            "dispatch without a task group" if reason is None else f"dispatch by Starlette: {reason}"
        )
    return report


def _leads_to(front: Any, one: Any) -> bool:
    return getattr(front, "__dict__", {}).get("app") is one


def _unsuitable(middleware: Any) -> str | None:
    kind = type(middleware)
    if not issubclass(kind, BaseHTTPMiddleware):
        return "it is no BaseHTTPMiddleware"
    if kind.__call__ is not _CALL:
        return f"{kind.__name__} overrides __call__"
    for name in ("__getattribute__", "__getattr__"):
        if inspect.getattr_static(kind, name, None) is not inspect.getattr_static(object, name, None):
            return f"{kind.__name__} overrides {name}"
    return None


def _replaced() -> str | None:
    """What the exchange does not know, if anything."""
    installed = version("anyio")
    if installed.split(".")[:2] not in [one.split(".") for one in KNOWN_ANYIO]:
        return f"anyio {installed} is installed, and {' or '.join(KNOWN_ANYIO)} is known"
    for cls, names in _METHODS:
        for name in names:
            value = vars(cls).get(name)
            if value is not None and not is_own(value, cls.__module__, name):
                return f"{cls.__module__}.{cls.__qualname__}.{name} was replaced"
    for module, name, value in _OBJECTS:
        if getattr(module, name, None) is not value:
            return f"{module.__name__}.{name} was replaced"
    return None
