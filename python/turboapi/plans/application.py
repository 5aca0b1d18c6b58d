"""The plans of one application: compiled, put in their place, and kept up to date."""

from __future__ import annotations

import logging
import sys
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI

from turboapi._engine import Pace, PlanTable
from turboapi.plans import runtime
from turboapi.plans.attributes import attributes_of
from turboapi.plans.blocking import placement
from turboapi.plans.compiler import CompiledRoute, compile_route, unplanned
from turboapi.plans.dispatch.install import dispatch_watches, install_dispatch
from turboapi.plans.originals import ROUTING, UTILS, watch_routing, watch_utils
from turboapi.plans.reasons import NotPlannable
from turboapi.plans.routes import EffectiveRoute, effective_routes, is_stock_router, routers, websocket_routes
from turboapi.plans.stacks import MiddlewareStack, middleware_stack
from turboapi.plans.stock import STOCK_WATCHES
from turboapi.plans.versions import distrusted, unknown_version
from turboapi.sync import SyncMode

logger = logging.getLogger("uvicorn.error")


@dataclass(frozen=True, slots=True)
class PlannedRoute:
    """One route as `explain` shows it."""

    effective: EffectiveRoute
    compiled: CompiledRoute


class ApplicationPlans:
    """The plans of `app`; `table` is what the engine and the application's middleware call."""

    def __init__(self, app: FastAPI, sync_mode: SyncMode = "adaptive") -> None:
        self._app = weakref.ref(app)
        self.sync_mode = sync_mode
        self.reason: str | None = None
        """Why there are no plans at all, if so."""
        self.stack: MiddlewareStack | None = None
        self.announced = False
        """Whether the log has a line about them."""
        self._router: Any = app.router
        """The router whose place the table has taken."""
        self._routes: list[EffectiveRoute] = []
        self._compiled: list[CompiledRoute | None] = []
        self._paces: dict[int, Pace] = {}
        self._paced: list[Callable[..., Any]] = []
        self._lock = threading.RLock()
        weak = weakref.WeakMethod(self.refresh)

        def refresh() -> None:
            method = weak()
            if method is not None:
                method()

        self.table = PlanTable(refresh, app.router, runtime)

    def refresh(self) -> None:
        """Compile anew what the application consists of now."""
        app = self._app()
        if app is None:
            return
        with self._lock:
            try:
                self._install(app)
            except NotPlannable as error:
                self._switch_off(app, str(error))
            except Exception as error:
                logger.warning("Compiling route plans failed; FastAPI serves all routes", exc_info=True)
                self._switch_off(app, f"compiling them failed: {error!r}")

    def routes(self) -> list[PlannedRoute]:
        """Every route with its plan, compiled now if no request has asked for it yet."""
        with self._lock:
            return [
                PlannedRoute(effective, self._compile(number))
                for number, effective in enumerate(self._routes)
            ]

    def websocket_routes(self) -> list[tuple[str, Any]]:
        """Path and endpoint of every WebSocket route; FastAPI runs them."""
        app = self._app()
        return [] if app is None or self.reason is not None else list(websocket_routes(app.router))

    def compiled_routes(self) -> list[tuple[EffectiveRoute, CompiledRoute | None]]:
        """Every route with its plan, None for what was not compiled yet."""
        with self._lock:
            return list(zip(self._routes, self._compiled, strict=True))

    def paces(self) -> list[Pace]:
        """The pace of every `def` that some plan calls."""
        return list(self._paces.values())

    def _switch_off(self, app: FastAPI, reason: str) -> None:
        self.reason = reason
        self._routes, self._compiled = [], []
        self.table.clear([("item", attributes_of(app), name) for name in ("middleware_stack", "router")])

    def _install(self, app: FastAPI) -> None:
        reason = unknown_version() or distrusted()
        if reason is not None:
            raise NotPlannable(reason)
        stack = middleware_stack(app)
        inner: Any = stack.innermost.app
        # `app.router` may be another one by now, which FastAPI does not ask until it builds the stack again.
        router = self._router if inner is self.table else inner
        if not is_stock_router(router):
            raise NotPlannable(f"its router is a {type(router).__name__} or changed, not FastAPI's own")
        watches = _watches(app, router, stack)
        stack = install_dispatch(app, stack, self.table)
        self._routes = list(effective_routes(router))
        self._compiled = [None] * len(self._routes)
        self.stack, self.reason, self._router = stack, None, router
        self.table.set(
            [
                (route.methods, route.template, None if route.reason else self._compiler(number))
                for number, route in enumerate(self._routes)
            ],
            watches,
            app,
            router,
            stack,
        )
        stack.innermost.app = self.table

    def _compiler(self, number: int) -> Callable[[], CompiledRoute | None]:
        weak = weakref.ref(self)
        routes = self._routes

        def compile_now() -> CompiledRoute | None:
            plans = weak()
            if plans is None or plans._routes is not routes:
                return None
            with plans._lock:
                compiled = plans._compile(number)
            return None if compiled.tier == "asgi" else compiled

        return compile_now

    def _compile(self, number: int) -> CompiledRoute:
        compiled = self._compiled[number]
        if compiled is None:
            effective = self._routes[number]
            try:
                compiled = compile_route(effective, self._pace)
            except Exception as error:
                logger.warning("Compiling a plan for %s failed", effective.path, exc_info=True)
                compiled = unplanned(effective, f"compiling it failed: {error!r}")
            self._compiled[number] = compiled
        return compiled

    def _pace(self, call: Callable[..., Any]) -> Pace:
        pace = self._paces.get(id(call))
        if pace is None:
            name = (
                f"{getattr(call, '__module__', '?')}.{getattr(call, '__qualname__', type(call).__qualname__)}"
            )
            pace = self._paces[id(call)] = Pace(name, placement(call, self.sync_mode).mode)
            # An id is only unique as long as its object lives.
            self._paced.append(call)
        return pace


# In the application's own dictionary: the plans refer to it, so a table of them, even by weak keys, would
# keep every application alive.
_ATTRIBUTE = "_turboapi_plans"
_PLANS_LOCK = threading.RLock()


def plans_of(app: object, sync_mode: SyncMode = "adaptive") -> ApplicationPlans | None:
    """The plans of a FastAPI application, made at the first call; None for anything else."""
    if not isinstance(app, FastAPI):
        return None
    with _PLANS_LOCK:
        plans: ApplicationPlans | None = vars(app).get(_ATTRIBUTE)
        if plans is None:
            plans = vars(app)[_ATTRIBUTE] = ApplicationPlans(app, sync_mode)
    return plans


def existing_plans(app: object) -> ApplicationPlans | None:
    """The plans of `app` if it has any already."""
    with _PLANS_LOCK:
        return vars(app).get(_ATTRIBUTE) if isinstance(app, FastAPI) else None


def _watches(app: FastAPI, router: APIRouter, stack: MiddlewareStack) -> list[tuple[Any, ...]]:
    """What must stay as it is for the compiled routes to be what FastAPI would execute."""
    watches: list[tuple[Any, ...]] = [
        ("item", attributes_of(app), name)
        for name in ("middleware_stack", "router", "root_path", "debug", "dependency_overrides")
    ]
    watches += STOCK_WATCHES
    watches += stack.watches
    watches += dispatch_watches(stack)
    watches += [("dict", handlers) for handlers in stack.exception_handlers]
    for one in routers(router):
        watches += [
            ("item", attributes_of(one), name) for name in ("routes", "_routes_version", "middleware_stack")
        ]
        watches.append(("list", one.routes))
    watches += [("dict", overrides) for overrides in _overrides(app, router)]
    for namespace, watched in ((ROUTING, watch_routing()), (UTILS, watch_utils())):
        watches += [("item", namespace, name) for name in watched.names]
    watches += _telemetry_watches(app)
    return watches


def _overrides(app: FastAPI, router: APIRouter) -> list[dict[Any, Any]]:
    """The dictionaries of overrides that some route may look at; raises `NotPlannable`."""
    found = []
    for provider in {id(one): one for one in (app, *map(_provider, routers(router)))}.values():
        overrides = getattr(provider, "dependency_overrides", None)
        if overrides is not None and type(overrides) is not dict:
            raise NotPlannable(f"its dependency_overrides is a {type(overrides).__name__}, not a dict")
        if overrides is not None:
            found.append(overrides)
    return found


def _provider(router: APIRouter) -> Any:
    return router.dependency_overrides_provider


_PROVIDERS = (
    ("opentelemetry.trace", "_TRACER_PROVIDER"),
    ("opentelemetry.metrics._internal", "_METER_PROVIDER"),
    ("opentelemetry._logs._internal", "_LOGGER_PROVIDER"),
)


def _telemetry_watches(app: FastAPI) -> list[tuple[Any, ...]]:
    """FastAPI's telemetry is off, and stays so until a provider is set; raises `NotPlannable` if it is on."""
    telemetry = app._native_telemetry
    if telemetry.enabled():
        raise NotPlannable("FastAPI's telemetry is on")
    watches: list[tuple[Any, ...]] = [("item", attributes_of(app), "_native_telemetry")]
    watches.append(("dict", telemetry.config))
    for module, name in _PROVIDERS:
        watches.append(("item", vars(sys.modules[module]), name))
    return watches
