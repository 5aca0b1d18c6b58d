"""The middleware around an application's router."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from fastapi import FastAPI
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import HTTPException as FastAPIHTTPException
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.telemetry._asgi import ExceptionTelemetryMiddleware
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.middleware.gzip import GZipMiddleware

from turboapi.plans.dispatch.substitute import Substitute
from turboapi.plans.lifted_settings import Settings
from turboapi.plans.lifting import class_watches, lift
from turboapi.plans.reasons import NotPlannable
from turboapi.plans.stock import is_stack_stock

_BARE = (ServerErrorMiddleware, ExceptionTelemetryMiddleware, ExceptionMiddleware, AsyncExitStackMiddleware)
_DEPTH = 64


class Placed(NamedTuple):
    """Where one middleware of the user's runs."""

    middleware: Any
    runs: Literal["engine", "early", "python"]
    """`early`: the engine gives the answers for which nothing further in is asked, Python does the rest."""
    reason: str | None
    """Why not all of it runs in the engine."""


class MiddlewareStack(NamedTuple):
    """What an application built around its router."""

    outermost: Any
    innermost: AsyncExitStackMiddleware
    """The one whose `app` is the router."""
    exceptions: ExceptionMiddleware
    middleware: tuple[Any, ...]
    """The user's own, outermost first."""
    direct: bool
    """There is nothing between the server and the router but FastAPI's own and what is lifted."""
    lifted: tuple[Settings, ...]
    """The outermost of the user's own, as far as the engine runs them."""
    placed: tuple[Placed, ...]
    """Where each of the user's own runs, and why."""
    watches: tuple[tuple[Any, ...], ...]
    """What the lifted ones depend on."""
    chain: tuple[Any, ...]
    """All of it, with what stands in front of some middleware to run it."""
    front: Any = None
    """What the engine may call for an HTTP request in place of the application, if there is such a thing."""

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
    stock = type(app.middleware_stack) is ServerErrorMiddleware and is_stack_stock()
    lifted, placed, watches = _lifted(own) if stock else ((), _all_in_python(own), ())
    return MiddlewareStack(
        outermost=app.middleware_stack,
        innermost=innermost,
        exceptions=exceptions,
        middleware=own,
        direct=stock and len(lifted) == len(own),
        lifted=lifted,
        placed=placed,
        watches=(*watches, *class_watches(own)),
        chain=everything,
    )


def _all_in_python(own: tuple[Any, ...]) -> tuple[Placed, ...]:
    reason = "something stands around FastAPI's own middleware"
    return tuple(Placed(one, "python", reason) for one in own)


def _lifted(
    own: tuple[Any, ...],
) -> tuple[tuple[Settings, ...], tuple[Placed, ...], tuple[tuple[Any, ...], ...]]:
    """What the engine runs of `own`: all up to the first that it cannot."""
    lifted: list[Settings] = []
    watches: list[tuple[Any, ...]] = []
    reasons: list[str | None] = []
    for one in own:
        try:
            settings, needs = lift(one)
        except NotPlannable as error:
            reasons.append(str(error))
        else:
            reasons.append(None)
            if len(lifted) == len(reasons) - 1:
                lifted.append(settings)
                watches += needs
    foreign = own[len(lifted)] if len(lifted) < len(own) else None
    name = type(foreign).__name__ if not isinstance(foreign, types.FunctionType) else foreign.__name__
    placed: list[Placed] = []
    for number, (one, reason) in enumerate(zip(own, reasons, strict=True)):
        if reason is not None:
            placed.append(Placed(one, "python", reason))
        elif foreign is None:
            placed.append(Placed(one, "engine", None))
        elif number < len(lifted):
            runs: Literal["early", "python"] = "python" if type(one) is GZipMiddleware else "early"
            placed.append(Placed(one, runs, f"{name} is inside it"))
        else:
            placed.append(Placed(one, "python", f"{name} is outside it"))
    return tuple(lifted), tuple(placed), tuple(watches)


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
