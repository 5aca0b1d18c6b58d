"""An application's routes as its router tries them, those of included routers in their places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute, APIWebSocketRoute, _IncludedRouter, iter_route_contexts
from starlette.convertors import (
    Convertor,
    FloatConvertor,
    IntegerConvertor,
    PathConvertor,
    StringConvertor,
    UUIDConvertor,
)
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute, compile_path

EVERYTHING = "/{path:path}"
"""The template of a route about whose matching nothing is known."""

_CONVERTORS: dict[type[Convertor[Any]], str] = {
    StringConvertor: "[^/]+",
    PathConvertor: ".*",
    IntegerConvertor: "[0-9]+",
    FloatConvertor: r"[0-9]+(\.[0-9]+)?",
    UUIDConvertor: "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}",
}


@dataclass(frozen=True, slots=True)
class EffectiveRoute:
    """One entry of the router."""

    methods: tuple[str, ...] | None
    """None stands for all."""
    template: str
    path: str
    """The path as a reader knows it."""
    route: BaseRoute
    """What FastAPI puts into the scope: the route as it was declared, without a router's prefix."""
    context: Any
    """FastAPI's `_EffectiveRouteContext` of an included route."""
    app: Any
    """The ASGI callable of an `APIRoute`."""
    endpoint: Any
    convertors: dict[str, Convertor[Any]]
    reason: str | None
    """Why there can be no plan for it."""

    @property
    def name(self) -> str:
        """The endpoint's name, or what the route is."""
        return getattr(self.endpoint, "__name__", None) or type(self.route).__name__


def effective_routes(router: APIRouter) -> Iterator[EffectiveRoute]:
    """The routes that `router` tries for HTTP requests, in its order."""
    for entry in router.routes:
        if isinstance(entry, _IncludedRouter) and not _is_stock_tree(entry):
            yield _opaque(entry, "an included router has a class of its own")
            continue
        for context in iter_route_contexts([entry]):
            effective = _effective(context)
            if effective is not None:
                yield effective


def websocket_routes(router: APIRouter) -> Iterator[tuple[str, Any]]:
    """Path and endpoint of the WebSocket routes."""
    for entry in router.routes:
        if isinstance(entry, _IncludedRouter) and not _is_stock_tree(entry):
            continue
        for context in iter_route_contexts([entry]):
            if isinstance(context.original_route, WebSocketRoute | APIWebSocketRoute):
                yield context.path or "", context.original_route.endpoint


def routers(router: APIRouter) -> Iterator[APIRouter]:
    """`router` and the routers that it includes."""
    seen: set[int] = set()

    def walk(router: APIRouter) -> Iterator[APIRouter]:
        if id(router) in seen:
            return
        seen.add(id(router))
        yield router
        for route in router.routes:
            if isinstance(route, _IncludedRouter):
                yield from walk(route.original_router)

    return walk(router)


def _is_stock_tree(included: _IncludedRouter) -> bool:
    return type(included) is _IncludedRouter and all(
        type(router) is APIRouter for router in routers(included.original_router)
    )


def _effective(context: Any) -> EffectiveRoute | None:
    original = context.original_route
    inner = context._route_context
    effective = original if inner is None else (inner.starlette_route or inner)
    if isinstance(original, (WebSocketRoute, APIWebSocketRoute)) and type(original).matches in (
        WebSocketRoute.matches,
        APIWebSocketRoute.matches,
    ):
        return None
    if isinstance(original, APIRoute):
        return _api_route(original, effective, inner)
    if type(original) is Mount:
        path = effective.path + EVERYTHING
        return _checked(original, effective, path, effective.path or "/", None, "a mounted application")
    if type(original) is Route:
        methods = None if effective.methods is None else tuple(effective.methods)
        return _checked(
            original, effective, effective.path, effective.path, methods, "a plain Starlette route"
        )
    return _opaque(original, f"{type(original).__name__} decides by itself what it matches")


def _api_route(original: APIRoute, effective: Any, inner: Any) -> EffectiveRoute:
    kind = type(original)
    if kind.matches is not APIRoute.matches or kind.handle is not APIRoute.handle:
        return _opaque(original, f"{kind.__name__} decides by itself what it matches")
    reason = None if kind is APIRoute else f"its route class {kind.__name__} may change how it is handled"
    template = effective.path
    if not _matches_as_compiled(effective, template):
        return _opaque(original, "its path is matched in a way of its own")
    return EffectiveRoute(
        methods=tuple(effective.methods) if effective.methods else None,
        template=template,
        path=effective.path,
        route=original,
        context=inner,
        app=effective.app,
        endpoint=effective.endpoint,
        convertors=dict(effective.param_convertors),
        reason=reason,
    )


def _checked(
    original: BaseRoute,
    effective: Any,
    template: str,
    path: str,
    methods: tuple[str, ...] | None,
    reason: str,
) -> EffectiveRoute:
    if not _matches_as_compiled(effective, template):
        return _opaque(original, "its path is matched in a way of its own")
    return EffectiveRoute(
        methods, template, path, original, None, None, getattr(effective, "endpoint", None), {}, reason
    )


def _opaque(route: BaseRoute, reason: str) -> EffectiveRoute:
    path = getattr(route, "path", "(any path)")
    return EffectiveRoute(None, EVERYTHING, path, route, None, None, None, {}, reason)


def _matches_as_compiled(route: Any, template: str) -> bool:
    """Whether the route matches what Starlette compiles from `template`, with Starlette's own convertors."""
    try:
        regex, _, convertors = compile_path(template)
    except (AssertionError, ValueError):
        return False
    return (
        route.path_regex.pattern == regex.pattern
        and route.path_regex.flags == regex.flags
        and all(_CONVERTORS.get(type(one)) == one.regex for one in convertors.values())
        and convertors.keys() == route.param_convertors.keys()
        and all(type(route.param_convertors[name]) is type(one) for name, one in convertors.items())
    )


def is_stock_router(router: object) -> bool:
    """Whether `router` finds its routes as FastAPI's own does."""
    return type(router) is APIRouter and router.middleware_stack == router.app
