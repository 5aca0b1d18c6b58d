"""A route's dependency tree as one list of calls.

FastAPI walks the tree for every request (`solve_dependencies` in `fastapi/dependencies/utils.py`). What it
calls, in which order, and which results it reuses depends on the tree alone, so the walk is done once, here.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, Literal, NamedTuple

from fastapi._compat import ModelField
from fastapi.dependencies.models import (
    Dependant,
    _get_cache_key,
    _get_oauth_scopes,
    _is_async_gen_callable,
    _is_coroutine_callable,
    _is_gen_callable,
)
from fastapi.dependencies.utils import get_dependant
from fastapi.security import SecurityScopes

from turboapi.plans.handlers import HandlerFacts
from turboapi.plans.reasons import NotPlannable

Kind = Literal["async", "sync", "gen", "asyncgen"]
Location = Literal["path", "query", "header", "cookie"]


class Parameter(NamedTuple):
    """One parameter of one callable, where it is in the request."""

    location: Location
    field: ModelField


class Call(NamedTuple):
    """One call of a user's callable."""

    kind: Kind
    call: Callable[..., Any]
    arguments: tuple[tuple[str, int], ...]
    """Keyword and slot of each argument, in the order FastAPI passes them."""
    out: int
    """The slot of the result."""
    scope: Literal["function", "request"] | None
    """When a generator's exit runs: before the response is sent, or after."""
    dependant: Dependant
    """What is called, with an override in place of what it overrides."""


class Program(NamedTuple):
    """What has to be taken from a request, and what is then called.

    Values live in numbered slots: the parameters, the body fields, the request, the injected response and the
    background tasks, then what `makers` make, then the results of the calls.
    """

    parameters: tuple[Parameter, ...]
    body_fields: tuple[ModelField, ...]
    request: int
    response: int
    background: int
    makers: tuple[tuple[int, Callable[[], Any]], ...]
    """Objects made anew for each request."""
    calls: tuple[Call, ...]
    """In order; the last one is the endpoint."""
    slots: int
    dependants: tuple[Dependant, ...]
    """Every dependant that FastAPI would read, for noticing that one was changed."""

    @property
    def uses(self) -> frozenset[int]:
        """The slots that some call takes."""
        return frozenset(slot for call in self.calls for _, slot in call.arguments)

    @property
    def has_generators(self) -> bool:
        """Whether a dependency uses `yield`."""
        return any(call.kind in ("gen", "asyncgen") for call in self.calls[:-1])


def compile_program(facts: HandlerFacts) -> Program:
    """The program of a route with the overrides that are set now; raises `NotPlannable`."""
    return _Compiler(facts).compile()


# Far more than an application has; an override that needs itself has no end.
_MOST_DEPENDANTS = 250

# Slots are numbered after the walk; until then a value is named by what it is.
_REQUEST, _RESPONSE, _BACKGROUND = "request", "response", "background"
_Value = tuple[str, int]


class _Compiler:
    def __init__(self, facts: HandlerFacts) -> None:
        self._facts = facts
        provider = facts.dependency_overrides_provider
        self._overrides: dict[Any, Any] = provider.dependency_overrides if provider else {}
        self._parameters: list[Parameter] = []
        self._bodies: list[ModelField] = []
        self._makers: list[Callable[[], Any]] = []
        self._calls: list[tuple[Kind, Dependant, dict[str, _Value], str | None]] = []
        self._cache: dict[Hashable, _Value] = {}
        self._dependants: list[Dependant] = []

    def compile(self) -> Program:
        dependant = self._facts.dependant
        arguments = self._solve(dependant)
        arguments |= self._own_values(dependant)
        self._call(dependant, _kind(dependant, is_coroutine=self._facts.is_coroutine), arguments, None)
        if self._bodies and not self._facts.body_field:
            raise NotPlannable("an override takes a body, which FastAPI does not read for this route")
        extracted = len(self._parameters) + len(self._bodies)
        request, response, background = range(extracted, extracted + 3)
        made = extracted + 3
        called = made + len(self._makers)
        first = {
            "parameter": 0,
            "body": len(self._parameters),
            _REQUEST: request,
            _RESPONSE: response,
            _BACKGROUND: background,
            "maker": made,
            "call": called,
        }

        def slot(value: _Value) -> int:
            return first[value[0]] + value[1]

        calls = tuple(
            Call(
                kind,
                _callable(dependant),
                tuple((name, slot(value)) for name, value in arguments.items()),
                called + number,
                "function" if scope == "function" else "request" if kind in ("gen", "asyncgen") else None,
                dependant,
            )
            for number, (kind, dependant, arguments, scope) in enumerate(self._calls)
        )
        return Program(
            parameters=tuple(self._parameters),
            body_fields=tuple(self._bodies),
            request=request,
            response=response,
            background=background,
            makers=tuple((made + number, maker) for number, maker in enumerate(self._makers)),
            calls=calls,
            slots=called + len(calls),
            dependants=tuple(self._dependants),
        )

    def _solve(self, dependant: Dependant) -> dict[str, _Value]:
        """The results of the dependencies of `dependant`, by the names of its parameters."""
        self._dependants.append(dependant)
        if dependant.concurrency is not None:
            raise NotPlannable(f"{_name(dependant)} has a limit on its concurrency")
        values: dict[str, _Value] = {}
        for sub_dependant in dependant.dependencies:
            use = self._overridden(sub_dependant)
            # A cached dependency is walked again: what it needs uncached is called again.
            arguments = self._solve(use)
            key = _cache_key(sub_dependant)
            if sub_dependant.use_cache and key in self._cache:
                solved = self._cache[key]
            else:
                arguments |= self._own_values(use)
                solved = self._call(use, _kind(use), arguments, sub_dependant.scope)
            if sub_dependant.name is not None:
                values[sub_dependant.name] = solved
            self._cache.setdefault(key, solved)
        return values

    def _overridden(self, dependant: Dependant) -> Dependant:
        call = _callable(dependant)
        if not self._overrides or (override := self._overrides.get(call, call)) is call:
            return dependant
        if len(self._dependants) > _MOST_DEPENDANTS:
            raise NotPlannable("its overrides depend on what they override")
        self._dependants.append(dependant)
        return get_dependant(
            path=dependant.path or "",
            call=override,
            name=dependant.name,
            parent_oauth_scopes=_get_oauth_scopes(dependant=dependant),
            scope=dependant.scope,
            concurrency=dependant.concurrency,
        )

    def _own_values(self, dependant: Dependant) -> dict[str, _Value]:
        values: dict[str, _Value] = {}
        locations: tuple[tuple[Location, list[ModelField]], ...] = (
            ("path", dependant.path_params),
            ("query", dependant.query_params),
            ("header", dependant.header_params),
            ("cookie", dependant.cookie_params),
        )
        for location, fields in locations:
            for field in fields:
                values[field.name] = ("parameter", len(self._parameters))
                self._parameters.append(Parameter(location, field))
        for field in dependant.body_params:
            values[field.name] = ("body", len(self._bodies))
            self._bodies.append(field)
        if dependant.websocket_param_name:
            raise NotPlannable(f"{_name(dependant)} takes a WebSocket")
        for name, value in (
            (dependant.http_connection_param_name, _REQUEST),
            (dependant.request_param_name, _REQUEST),
            (dependant.background_tasks_param_name, _BACKGROUND),
            (dependant.response_param_name, _RESPONSE),
        ):
            if name:
                values[name] = (value, 0)
        if dependant.security_scopes_param_name:
            values[dependant.security_scopes_param_name] = ("maker", len(self._makers))
            self._makers.append(partial(_security_scopes, tuple(_get_oauth_scopes(dependant=dependant))))
        return values

    def _call(
        self, dependant: Dependant, kind: Kind, arguments: dict[str, _Value], scope: str | None
    ) -> _Value:
        self._calls.append((kind, dependant, arguments, scope))
        return "call", len(self._calls) - 1


def _security_scopes(scopes: tuple[str, ...]) -> SecurityScopes:
    return SecurityScopes(scopes=list(scopes))


def _callable(dependant: Dependant) -> Callable[..., Any]:
    if dependant.call is None:
        raise NotPlannable("a dependency has nothing to call")
    return dependant.call


def _kind(dependant: Dependant, *, is_coroutine: bool | None = None) -> Kind:
    call = dependant.call
    # A wrapper can count as both; `_solve_generator` looks in this order.
    if _is_async_gen_callable(call):
        return "asyncgen"
    if _is_gen_callable(call):
        return "gen"
    if is_coroutine is None:
        is_coroutine = _is_coroutine_callable(call)
    return "async" if is_coroutine else "sync"


def _cache_key(dependant: Dependant) -> Hashable:
    call = dependant.call
    equality = type(call).__eq__
    if isinstance(equality, types.FunctionType):
        raise NotPlannable(f"{_name(dependant)} compares itself in Python, which decides what is cached")
    try:
        hash(call)
    except TypeError:
        raise NotPlannable(f"{_name(dependant)} cannot be hashed") from None
    return _get_cache_key(dependant=dependant)


def _name(dependant: Dependant) -> str:
    call = dependant.call
    return getattr(call, "__qualname__", None) or type(call).__qualname__
