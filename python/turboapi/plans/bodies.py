"""Parameters taken from a JSON body, from FastAPI's `ModelField`s to a spec.

The rules are those of `request_body_to_args` in `fastapi/dependencies/utils.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from fastapi import params
from fastapi._compat.v2 import ModelField
from fastapi.dependencies import utils
from pydantic_core import PydanticUndefined, from_json

from turboapi.plans import schemas
from turboapi.plans.defaults import default_spec
from turboapi.plans.handlers import HandlerFacts
from turboapi.plans.parameters import request_keys, validator_of
from turboapi.plans.reasons import NotPlannable
from turboapi.plans.specs import BodyFieldSpec, BodySpec


def compile_body(fields: Sequence[ModelField], facts: HandlerFacts) -> BodySpec:
    """The spec of the body whose parameters, over the whole tree of dependencies, are `fields`."""
    if facts.is_body_form:
        raise NotPlannable("its body is a form")
    specs = []
    for field in fields:
        try:
            specs.append(_compile(field, facts, alone=len(fields) == 1))
        except NotPlannable as error:
            raise NotPlannable(f"body parameter {field.name!r} {error}") from None
    return BodySpec(
        fields=tuple(specs),
        strict_content_type=facts.actual_strict_content_type,
        parse=from_json,
        max_digits=sys.get_int_max_str_digits,
        undefined=PydanticUndefined,
    )


def _compile(field: ModelField, facts: HandlerFacts, *, alone: bool) -> BodyFieldSpec:
    validator = validator_of(field)
    if not isinstance(field.field_info, params.Body) or isinstance(field.field_info, params.Form):
        raise NotPlannable("is no part of a JSON body")
    same_from_json = schemas.check(field._type_adapter.core_schema, field.config)
    embedded = facts.embed_body_fields or utils._should_embed_body_fields([field])
    return BodyFieldSpec(
        keys=tuple(alias for alias, _ in request_keys(field)) if embedded else (),
        embedded=embedded,
        validate=validator.validate_python,
        # Several parameters that are the whole body share the parsed objects.
        validate_json=validator.validate_json if same_from_json and alone and not embedded else None,
        default=default_spec(field),
    )
