"""Path, query, header and cookie parameters, from FastAPI's `ModelField`s to specs.

The rules are those of `request_params_to_args` in `fastapi/dependencies/utils.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, get_args

from fastapi import params
from fastapi._compat import field_annotation_is_sequence
from fastapi._compat.v2 import ModelField
from fastapi.dependencies import utils
from pydantic_core import SchemaValidator
from starlette.datastructures import Headers, QueryParams
from starlette.requests import HTTPConnection

from turboapi.plans import schemas
from turboapi.plans.defaults import default_spec
from turboapi.plans.reasons import NotPlannable
from turboapi.plans.specs import DefaultSpec, ParameterSpec
from turboapi.plans.validators import core_validator

Location = Literal["path", "query", "header", "cookie"]


def compile_parameter(field: ModelField, location: Location, path_names: Sequence[str]) -> ParameterSpec:
    """The spec of one parameter; `path_names` are the parameters of the route's template in their order."""
    if location not in get_args(Location):
        raise NotPlannable(f"parameter {field.name!r} is taken from {location!r}")
    with_name = f"{location} parameter {field.name!r}"
    try:
        return _compile(field, location, path_names)
    except NotPlannable as error:
        raise NotPlannable(f"{with_name} {error}") from None


def validator_of(field: ModelField) -> SchemaValidator:
    """The field's validator; `NotPlannable` if it is not pydantic's own."""
    if type(field) is not ModelField:
        raise NotPlannable("is no plain ModelField")
    validator = core_validator(field._type_adapter.validator)
    if validator is None:
        raise NotPlannable("has a validator that is not complete or that a plugin of pydantic's listens to")
    return validator


def request_keys(field: ModelField) -> tuple[tuple[str, str], ...]:
    """Pairs of validation alias and key in the request, in order of preference."""
    pairs = tuple(utils._get_param_aliases(field))
    for pair in pairs:
        for key in pair:
            try:
                key.encode()
            except UnicodeEncodeError:
                raise NotPlannable("has an alias that is no text") from None
            if not key or "\ufffd" in key:
                raise NotPlannable(f"has the alias {key!r}")
    return pairs


def _compile(field: ModelField, location: Location, path_names: Sequence[str]) -> ParameterSpec:
    validator = validator_of(field)
    schema = field._type_adapter.core_schema
    schemas.check(schema, field.config)
    default = default_spec(field)
    if not isinstance(field.field_info, params.Param):
        raise NotPlannable("is no parameter")
    if utils._get_param_model(field) is not None:
        if location == "path":
            raise NotPlannable("is a model")
        return _in_python(field, location, default)
    keys = tuple(key for _, key in request_keys(field))
    place = None
    if location == "path":
        if len(keys) != 1 or keys[0] not in path_names:
            raise NotPlannable("is not in the path of its route")
        place = path_names.index(keys[0])
    elif location == "header":
        keys = tuple(map(_header_name, keys))
    is_sequence = field_annotation_is_sequence(field.field_info.annotation)
    is_list = is_sequence and not utils._is_json_field(field) and location in ("query", "header")
    return ParameterSpec(
        location=location,
        kind="list" if is_list else "one",
        keys=keys,
        place=place,
        literal=None if is_list else schemas.literal_of(schema, field.config),
        validate=validator.validate_python,
        empty_is_missing=is_sequence,
        default=default,
    )


_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
"""RFC 9110 section 5.6.2, in lower case."""


def _header_name(key: str) -> str:
    name = key.lower()
    if not _TOKEN.issuperset(name):
        raise NotPlannable(f"has the alias {key!r}, which is no header name")
    return name


def _in_python(field: ModelField, location: Location, default: DefaultSpec) -> ParameterSpec:
    received: Callable[[Any], Any]
    if location == "query":
        received = QueryParams
    elif location == "header":
        received = _headers
    else:
        received = _cookies
    return ParameterSpec(
        location=location,
        kind="python",
        keys=(),
        place=None,
        literal=None,
        validate=partial(_extract, field, received),
        empty_is_missing=False,
        default=default,
    )


def _headers(lines: list[tuple[bytes, bytes]]) -> Headers:
    return Headers(raw=lines)


def _cookies(lines: list[tuple[bytes, bytes]]) -> dict[str, str]:
    return HTTPConnection({"type": "http", "headers": lines}).cookies


def _extract(field: ModelField, received: Callable[[Any], Any], raw: object) -> Any:
    values, errors = utils.request_params_to_args([field], received(raw))
    if errors:
        raise ValueError(errors)
    return values[field.name]
