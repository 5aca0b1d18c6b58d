"""Plans that native code drives from the request to the response."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from turboapi._engine import Encoder, Extractor, Pace
from turboapi.plans import late_body
from turboapi.plans.bodies import compile_body
from turboapi.plans.dependencies import Call, Program
from turboapi.plans.forms import FormExtractor, compile_form_extractor
from turboapi.plans.handlers import HandlerFacts
from turboapi.plans.parameters import compile_parameter
from turboapi.plans.reasons import NotPlannable
from turboapi.plans.responses import compile_response

Paces = Callable[[Callable[..., Any]], Pace]


class NativeCall(NamedTuple):
    """One call: what, at which pace if it is synchronous, and where its arguments are."""

    call: Callable[..., Any]
    pace: Pace | None
    names: tuple[str, ...]
    slots: tuple[int, ...]
    validates: int | None = None
    """How many values it gives if it is the validation of a body (`turboapi.plans.late_body`)."""


class NativePlan(NamedTuple):
    """What the engine needs to run one route by itself."""

    extractor: Extractor | None
    extracted: int
    takes_request: bool
    takes_response: bool
    takes_background: bool
    makers: tuple[Callable[[], Any], ...]
    calls: tuple[NativeCall, ...]
    encoder: Encoder


def compile_extractor(
    program: Program, facts: HandlerFacts, path_names: Sequence[str]
) -> Extractor | FormExtractor | None:
    """What fills the first slots of `program`; None if it has no parameters. Raises `NotPlannable`."""
    if not program.request:
        return None
    if facts.is_body_form:
        return compile_form_extractor(program, facts, path_names)
    parameters = [compile_parameter(field, location, path_names) for location, field in program.parameters]
    body = compile_body(program.body_fields, facts) if program.body_fields else None
    return Extractor(parameters, body)


def compile_late_native(
    program: Program, facts: HandlerFacts, path_names: Sequence[str], paces: Paces
) -> NativePlan:
    """The same where the body has validators of the user's: it is validated right before the endpoint."""
    if not program.body_fields or facts.is_body_form:
        raise NotPlannable("it has no JSON body")
    late_body.check(program)
    parameters = [compile_parameter(field, location, path_names) for location, field in program.parameters]
    raw = len(parameters)
    bodies = late_body.body_slots(program)
    endpoint = program.calls[-1]
    moved = raw + 1 - program.request
    validated = endpoint.out + moved

    def slot(before: int) -> int:
        """Where a value is now: the fields of the body come from the validation, one slot stands for all."""
        if before < raw:
            return before
        return validated + before - raw if before in bodies else before + moved

    def call(one: Call) -> NativeCall:
        return _call(one.kind, one.call, tuple((name, slot(at)) for name, at in one.arguments), paces)

    validation = NativeCall(
        late_body.compile_validation(facts), None, (), (raw,), validates=len(program.body_fields)
    )
    plan = _plan(program, Extractor(parameters, late_body.parsed_body(facts)), facts)
    calls = (*map(call, program.calls[:-1]), validation, call(endpoint))
    return plan._replace(extracted=raw + 1, calls=calls)


def compile_native(
    program: Program, extractor: Extractor | FormExtractor | None, facts: HandlerFacts, paces: Paces
) -> NativePlan:
    """The native plan of a route; raises `NotPlannable`."""
    if facts.is_body_form or isinstance(extractor, FormExtractor):
        raise NotPlannable("its body is a form")
    if facts.body_field and not program.body_fields:
        raise NotPlannable("its body goes to a dependency that is overridden")
    plan = _plan(program, extractor, facts)
    return plan._replace(
        calls=tuple(_call(call.kind, call.call, call.arguments, paces) for call in program.calls)
    )


def _plan(program: Program, extractor: Extractor | None, facts: HandlerFacts) -> NativePlan:
    """The plan without its calls."""
    encoder = Encoder(compile_response(facts))
    uses = program.uses
    return NativePlan(
        extractor=extractor,
        extracted=program.request,
        takes_request=program.request in uses,
        takes_response=program.response in uses,
        takes_background=program.background in uses,
        makers=tuple(maker for _, maker in program.makers),
        calls=(),
        encoder=encoder,
    )


def _call(
    kind: str, call: Callable[..., Any], arguments: tuple[tuple[str, int], ...], paces: Paces
) -> NativeCall:
    if kind in ("gen", "asyncgen"):
        name = getattr(call, "__qualname__", None) or type(call).__qualname__
        raise NotPlannable(f"dependency {name} uses yield")
    names = tuple(name for name, _ in arguments)
    if kind == "sync" and "func" in names:
        raise NotPlannable(
            "a parameter is called func, which Starlette's run_in_threadpool takes for its own"
        )
    return NativeCall(
        call, paces(call) if kind == "sync" else None, names, tuple(slot for _, slot in arguments)
    )
