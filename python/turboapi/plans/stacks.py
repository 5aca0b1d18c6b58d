"""The middleware around an application's router."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, NamedTuple

from fastapi import FastAPI
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import HTTPException as FastAPIHTTPException
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.telemetry._asgi import ExceptionTelemetryMiddleware
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware

from turboapi.plans.dispatch.substitute import Substitute
from turboapi.plans.reasons import NotPlannable
from turboapi.plans.stock import is_stack_stock

_BARE = (ServerErrorMiddleware, ExceptionTelemetryMiddleware, ExceptionMiddleware, AsyncExitStackMiddleware)
_DEPTH = 64


class MiddlewareStack(NamedTuple):
    """What an application built around its router."""

    outermost: Any
    innermost: AsyncExitStackMiddleware
    """The one whose `app` is the router."""
    exceptions: ExceptionMiddleware
    middleware: tuple[Any, ...]
    """The user's own, outermost first."""
    chain: tuple[Any, ...]
    """All of it, with what stands in front of some middleware to run it."""
    front: Any = None
    """What the engine may call for an HTTP request in place of the application, if there is such a thing."""

    @property
    def direct(self) -> bool:
        """There is nothing between the server and the router but FastAPI's own."""
        return not self.middleware and type(self.outermost) is ServerErrorMiddleware and is_stack_stock()

    @property
    def stock_http_exception(self) -> bool:
        """An `HTTPException` of any status is answered by FastAPI's own handler."""
        handlers, statuses = self.exception_handlers
        return (
            not statuses
            and handlers.get(HTTPException) is http_exception_handler
            and handlers.get(FastAPIHTTPException, http_exception_handler) is http_exception_handler
        )

    @property
    def exception_handlers(self) -> tuple[dict[Any, Any], dict[int, Any]]:
        """What `ExceptionMiddleware` puts into the scope."""
        return self.exceptions._exception_handlers, self.exceptions._status_handlers


def middleware_stack(app: FastAPI) -> MiddlewareStack:
    """The stack of `app`, built if no request has built it yet; raises `NotPlannable`."""
    kind = type(app)
    if (
        kind.__call__ is not FastAPI.__call__
        or kind.build_middleware_stack is not FastAPI.build_middleware_stack
    ):
        raise NotPlannable(f"{kind.__name__} overrides how FastAPI is called")
    if app.debug:
        raise NotPlannable("debug is on, and its error pages show FastAPI's own frames")
    if app.middleware_stack is None:
        app.middleware_stack = app.build_middleware_stack()
    everything = tuple(_chain(app.middleware_stack))
    chain = [one for one in everything if type(one) is not Substitute]
    innermost, exceptions = chain[-1], chain[-2]
    if type(innermost) is not AsyncExitStackMiddleware or type(exceptions) is not ExceptionMiddleware:
        raise NotPlannable("its middleware hides what it wraps")
    own = tuple(one for one in chain if type(one) not in _BARE)
    return MiddlewareStack(app.middleware_stack, innermost, exceptions, own, everything)


def _chain(outermost: Any) -> Iterator[Any]:
    current = outermost
    for _ in range(_DEPTH):
        yield current
        if type(current) is AsyncExitStackMiddleware:
            return
        wrapped = _wrapped(current)
        if wrapped is None:
            raise NotPlannable(f"its middleware {type(current).__name__} hides what it wraps")
        current = wrapped
    raise NotPlannable("its middleware has no end")


def _wrapped(middleware: Any) -> Any:
    """The application inside `middleware`: its `app`, or the only thing in it that leads to the router."""
    inner = getattr(middleware, "app", None)
    if inner is not None:
        return inner
    if isinstance(middleware, types.FunctionType):
        values = [cell.cell_contents for cell in middleware.__closure__ or ()]
    else:
        values = list(getattr(middleware, "__dict__", {}).values())
    candidates = [value for value in values if hasattr(value, "app") and callable(value)]
    return candidates[0] if len(candidates) == 1 else None
