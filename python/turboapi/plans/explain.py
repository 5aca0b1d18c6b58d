"""How every route of an application will run, and why: what `turboapi explain` prints.

The dictionaries of `Explanation` are the output of `turboapi explain --json`; their keys stay as they are.
"""

from __future__ import annotations

import inspect
from collections import Counter
from typing import Any, Literal, TypedDict

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.routing import Route

from turboapi.plans.application import ApplicationPlans, PlannedRoute, plans_of
from turboapi.plans.blocking import placement
from turboapi.plans.bodies import compile_body
from turboapi.plans.compiler import CompiledRoute, Tier
from turboapi.plans.dependencies import Kind, Parameter
from turboapi.plans.dispatch.install import dispatch_report
from turboapi.plans.handlers import handler_facts
from turboapi.plans.parameters import compile_parameter
from turboapi.plans.reasons import NotPlannable
from turboapi.plans.routes import EffectiveRoute
from turboapi.plans.stacks import MiddlewareStack, Placed
from turboapi.sync import SyncMode


class CallExplanation(TypedDict):
    """One call of a route's endpoint or of one of its dependencies."""

    name: str
    role: Literal["dependency", "endpoint"]
    kind: Kind
    """`gen` and `asyncgen` are dependencies with `yield`."""
    mode: SyncMode | None
    """Where a synchronous one runs; None for those that are awaited."""
    mode_reason: str | None
    """Why that is not the server's mode."""


class ParameterExplanation(TypedDict):
    """One value that a route takes from the request."""

    name: str
    location: Literal["path", "query", "header", "cookie", "body"]
    how: Literal["native", "validator", "fastapi"]
    """By the engine, by the field's own pydantic validator, or by FastAPI's functions."""


class RouteExplanation(TypedDict):
    """One route. They come in the order in which the router tries them, WebSocket routes last."""

    methods: list[str] | None
    """None stands for all; a WebSocket route has `["WEBSOCKET"]`."""
    path: str
    endpoint: str
    tier: Tier
    reason: str | None
    """Why it is not native."""
    calls: list[CallExplanation]
    """In the order of the calls; empty for routes without a plan."""
    parameters: list[ParameterExplanation]
    documentation: bool
    """Whether it is one of FastAPI's own pages (`/docs`, `/openapi.json`), which the summary leaves out."""


class Summary(TypedDict):
    """How many routes of the user's run in which tier."""

    routes: int
    native: int
    python: int
    asgi: int


class LayerExplanation(TypedDict):
    """One middleware of the user's."""

    name: str
    """The class, or the function that `app.middleware("http")` got."""
    runs: Literal["engine", "early", "python"]
    """`early`: the engine gives the answers for which nothing further in is asked, Python does the rest."""
    reason: str | None
    """Why not all of it runs in the engine."""


class MiddlewareExplanation(TypedDict):
    """What stands in front of the routes."""

    classes: list[str]
    """The user's own, outermost first."""
    direct: bool
    """Whether requests of native routes skip the stack: the engine runs all of the user's, if any."""
    layers: list[LayerExplanation]
    """The same middleware as in `classes`, with where each one runs."""


class Explanation(TypedDict):
    """A whole application."""

    plans: Literal["on", "off"]
    reason: str | None
    """Why there are no plans at all, if so."""
    sync_mode: SyncMode
    summary: Summary
    middleware: MiddlewareExplanation | None
    """None where there are no plans."""
    routes: list[RouteExplanation]


def explain(app: FastAPI, sync_mode: SyncMode = "adaptive") -> Explanation:
    """How the routes of `app` run. Compiles every route; no request is made and no endpoint called.

    Builds the middleware stack, as the first request would: FastAPI takes no further middleware afterwards.
    `sync_mode` is the server's option; it counts only if no server has made the plans of `app` before.
    """
    plans = plans_of(app, sync_mode)
    assert plans is not None, "plans_of has plans for every FastAPI application"
    plans.table.ensure()
    return explain_plans(plans)


def explain_plans(plans: ApplicationPlans) -> Explanation:
    """The same for plans that were made."""
    routes = [_route(route, plans.sync_mode) for route in plans.routes()]
    routes += [_websocket_route(path, endpoint) for path, endpoint in plans.websocket_routes()]
    stack = plans.stack
    return Explanation(
        plans="on" if plans.reason is None else "off",
        reason=plans.reason,
        sync_mode=plans.sync_mode,
        summary=_summary(routes),
        middleware=None
        if stack is None or plans.reason is not None
        else MiddlewareExplanation(
            classes=[_qualified(one) for one in stack.middleware],
            direct=stack.direct,
            layers=_layers(stack),
        ),
        routes=routes,
    )


def summary_line(explanation: Explanation) -> str:
    """One line: how many routes run natively, and what of the rest."""
    if explanation["plans"] == "off":
        return f"no route plans: {explanation['reason']}"
    summary = explanation["summary"]
    routes = "route" if summary["routes"] == 1 else "routes"
    parts = [f"{summary['native']} of {summary['routes']} {routes} native"]
    if summary["python"]:
        parts.append(f"{summary['python']} python")
    if summary["asgi"]:
        parts.append(f"{summary['asgi']} asgi")
    return ", ".join(parts)


def _summary(routes: list[RouteExplanation]) -> Summary:
    counted = Counter(route["tier"] for route in routes if not route["documentation"])
    return Summary(
        routes=counted.total(), native=counted["native"], python=counted["python"], asgi=counted["asgi"]
    )


def _route(planned: PlannedRoute, sync_mode: SyncMode) -> RouteExplanation:
    effective, compiled = planned.effective, planned.compiled
    return RouteExplanation(
        methods=None if effective.methods is None else sorted(effective.methods),
        path=effective.path,
        endpoint=_endpoint(effective),
        tier=compiled.tier,
        reason=compiled.reason,
        calls=_calls(compiled, effective, sync_mode),
        parameters=_parameters(compiled, effective),
        documentation=type(effective.route) is Route
        and getattr(effective.endpoint, "__module__", None) == FastAPI.__module__,
    )


def _layers(stack: MiddlewareStack) -> list[LayerExplanation]:
    return [_layer(*one) for one in zip(stack.placed, dispatch_report(stack), strict=True)]


def _layer(placed: Placed, dispatch: str | None) -> LayerExplanation:
    middleware = placed.middleware
    name = _qualified(middleware)
    if type(middleware) is BaseHTTPMiddleware:
        name = f"{name}({_qualified(middleware.dispatch_func)})"
    return LayerExplanation(name=name, runs=placed.runs, reason=dispatch or placed.reason)


def _websocket_route(path: str, endpoint: Any) -> RouteExplanation:
    return RouteExplanation(
        methods=["WEBSOCKET"],
        path=path,
        endpoint=_qualified(inspect.unwrap(endpoint)),
        tier="asgi",
        reason="a WebSocket",
        calls=[],
        parameters=[],
        documentation=False,
    )


def _endpoint(effective: EffectiveRoute) -> str:
    if effective.endpoint is None:
        return _qualified(effective.route)
    return _qualified(inspect.unwrap(effective.endpoint))


def _calls(compiled: CompiledRoute, effective: EffectiveRoute, sync_mode: SyncMode) -> list[CallExplanation]:
    if compiled.tier == "asgi":
        return []
    program = compiled.program
    if program is None:
        # FastAPI's own solve_dependencies makes the calls of the dependencies.
        facts = handler_facts(effective.app)
        return [_call("async" if facts.is_coroutine else "sync", facts.dependant, "endpoint", sync_mode)]
    *dependencies, endpoint = program.calls
    return [
        *(_call(call.kind, call.dependant, "dependency", sync_mode) for call in dependencies),
        _call(endpoint.kind, endpoint.dependant, "endpoint", sync_mode),
    ]


def _call(
    kind: Kind, dependant: Dependant, role: Literal["dependency", "endpoint"], sync_mode: SyncMode
) -> CallExplanation:
    call: Any = dependant.call
    mode: SyncMode | None = None
    reason: str | None = None
    if kind in ("sync", "gen") and not (role == "endpoint" and kind == "gen"):
        mode, reason = placement(call, sync_mode)
    return CallExplanation(
        name=_qualified(inspect.unwrap(call)), role=role, kind=kind, mode=mode, mode_reason=reason
    )


def _parameters(compiled: CompiledRoute, effective: EffectiveRoute) -> list[ParameterExplanation]:
    program = compiled.program
    if program is None:
        return []
    names = list(effective.convertors)
    found = [
        ParameterExplanation(name=one.field.name, location=one.location, how=_how(one, names))
        for one in program.parameters
    ]
    if program.body_fields:
        facts = handler_facts(effective.app)
        try:
            compile_body(program.body_fields, facts)
            how: Literal["validator", "fastapi"] = "validator"
        except NotPlannable:
            how = "fastapi"
        found += [
            ParameterExplanation(name=field.name, location="body", how=how) for field in program.body_fields
        ]
    return found


def _how(parameter: Parameter, path_names: list[str]) -> Literal["native", "validator", "fastapi"]:
    try:
        spec = compile_parameter(parameter.field, parameter.location, path_names)
    except NotPlannable:
        return "fastapi"
    if spec.kind == "python":
        return "fastapi"
    return "validator" if spec.literal is None else "native"


def _qualified(thing: Any) -> str:
    """The name of a callable, or of the class of anything else, with its module."""
    if not hasattr(thing, "__qualname__"):
        thing = type(thing)
    return f"{thing.__module__}.{thing.__qualname__}"
