"""JSON bodies whose validation runs code of the user's.

Such code must run once, and after the dependencies, as in FastAPI. So only the parsing belongs to the
extraction. The validation is a call of its own right before the endpoint's, by FastAPI's own function. Its
errors are final: by then everything else of the request is known to be valid.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import fastapi.routing
from fastapi.dependencies import utils
from fastapi.exceptions import RequestValidationError
from pydantic_core import PydanticUndefined, from_json

from turboapi.plans.dependencies import Program
from turboapi.plans.handlers import HandlerFacts
from turboapi.plans.reasons import NotPlannable
from turboapi.plans.specs import BodyFieldSpec, BodySpec, DefaultSpec

Validate = Callable[[Any, str, str], Coroutine[Any, Any, tuple[Any, ...]]]


def parsed_body(facts: HandlerFacts) -> BodySpec:
    """The body as one field: parsed, not validated; pydantic's `Undefined` if there is none."""
    field = BodyFieldSpec(
        keys=(),
        embedded=False,
        validate=_unchanged,
        validate_json=None,
        default=DefaultSpec("constant", PydanticUndefined, validate=False),
    )
    return BodySpec(
        fields=(field,),
        strict_content_type=facts.actual_strict_content_type,
        parse=from_json,
        max_digits=sys.get_int_max_str_digits,
        undefined=PydanticUndefined,
    )


def check(program: Program) -> None:
    """Raises `NotPlannable` unless the body goes to the endpoint alone."""
    bodies = set(body_slots(program))
    if any(slot in bodies for call in program.calls[:-1] for _, slot in call.arguments):
        raise NotPlannable("its body goes to a dependency, whose validation runs user code")


def body_slots(program: Program) -> Sequence[int]:
    """The slots of the body's fields."""
    return range(len(program.parameters), program.request)


def compile_validation(facts: HandlerFacts) -> Validate:
    """The coroutine function from the parsed body, the method and the root path to the fields' values."""
    dependant = facts.dependant
    fields = dependant.body_params
    names = tuple(field.name for field in fields)

    async def validate(body: Any, method: str, root_path: str) -> tuple[Any, ...]:
        values, errors = await utils.request_body_to_args(
            body_fields=fields, received_body=body, embed_body_fields=facts.embed_body_fields
        )
        if errors:
            assert dependant.call is not None
            context = fastapi.routing._extract_endpoint_context(dependant.call)
            if dependant.path:
                context["path"] = f"{method} {root_path.rstrip('/')}{dependant.path}"
            raise RequestValidationError(
                errors, body=None if body is PydanticUndefined else body, endpoint_ctx=context
            )
        return tuple(values[name] for name in names)

    return validate


def _unchanged(value: Any, *, from_attributes: bool) -> Any:
    return value
