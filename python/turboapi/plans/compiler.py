"""From one route to its plan, or to the reason why it has none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from turboapi._engine import Extractor
from turboapi.plans.attributes import attributes_of
from turboapi.plans.dependencies import Program, compile_program
from turboapi.plans.forms import FormExtractor
from turboapi.plans.handlers import HandlerFacts, handler_facts
from turboapi.plans.native import (
    NativePlan,
    Paces,
    compile_extractor,
    compile_late_native,
    compile_native,
)
from turboapi.plans.originals import verify_originals
from turboapi.plans.python_plan import compile_python_plan
from turboapi.plans.reasons import NotPlannable
from turboapi.plans.routes import EffectiveRoute
from turboapi.plans.runtime import with_file_stack
from turboapi.plans.stock import verify_stock

Tier = Literal["native", "python", "asgi"]


@dataclass(slots=True)
class CompiledRoute:
    """A route and how it runs; the engine reads the attributes by their names."""

    tier: Tier
    reason: str | None
    """Why it does not run natively."""
    route: Any
    endpoint: Any
    effective_context: Any
    convertors: dict[str, Any]
    native: NativePlan | None = None
    python: Callable[..., Any] | None = None
    program: Program | None = None
    watches: list[tuple[Any, ...]] = field(default_factory=list)


def unplanned(effective: EffectiveRoute, reason: str | None) -> CompiledRoute:
    """A route that is left to FastAPI."""
    return CompiledRoute(
        tier="asgi",
        reason=reason,
        route=effective.route,
        endpoint=effective.endpoint,
        effective_context=effective.context,
        convertors=effective.convertors,
    )


def compile_route(effective: EffectiveRoute, paces: Paces) -> CompiledRoute:
    """The best plan of a route."""
    compiled = unplanned(effective, effective.reason)
    if effective.reason is not None:
        return compiled
    try:
        verify_stock()
        verify_originals()
        facts = handler_facts(effective.app)
        _compile(compiled, facts, effective, paces)
    except NotPlannable as error:
        compiled.tier, compiled.reason = "asgi", str(error)
    return compiled


def _compile(compiled: CompiledRoute, facts: HandlerFacts, effective: EffectiveRoute, paces: Paces) -> None:
    program: Program | None = None
    extractor: Extractor | FormExtractor | None = None
    path_names = list(effective.convertors)
    try:
        program = compile_program(facts)
        try:
            extractor = compile_extractor(program, facts, path_names)
        except NotPlannable as refused:
            try:
                compiled.native = compile_late_native(program, facts, path_names, paces)
            except NotPlannable:
                raise refused from None
        else:
            compiled.native = compile_native(program, extractor, facts, paces)
        compiled.tier = "native"
    except NotPlannable as error:
        compiled.reason = str(error)
        if program is not None and program.request and extractor is None:
            # Only FastAPI's own solve_dependencies can take the parameters.
            program = None
        plan = compile_python_plan(facts, program, extractor, paces, guarded=True)
        compiled.python = with_file_stack(plan, has_form=bool(facts.is_body_form))
        compiled.tier = "python"
    compiled.program = program
    compiled.watches = _watches(effective, facts, program)


def _watches(
    effective: EffectiveRoute, facts: HandlerFacts, program: Program | None
) -> list[tuple[Any, ...]]:
    dependants = (facts.dependant,) if program is None else program.dependants
    watches: list[tuple[Any, ...]] = []
    for dependant in dependants:
        watches.append(("attribute", dependant, "call", dependant.call))
    # The contexts of included routers keep what they have read of their routes.
    if effective.context is None:
        watches += [("item", attributes_of(effective.route), name) for name in _ROUTE_ATTRIBUTES]
    return watches


_ROUTE_ATTRIBUTES = ("app", "methods", "param_convertors", "path_regex")
