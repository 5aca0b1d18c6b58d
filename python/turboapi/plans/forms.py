"""Parameters of routes whose body is a form: fields and files by FastAPI's own extraction, before any call.

The rules of `request_body_to_args` (`fastapi/dependencies/utils.py`) for forms are many, and parsing a form
costs several times what they do, so that function itself is run. What is won is that the rest of the request
runs by its program.
"""

from __future__ import annotations

import types
from collections.abc import Coroutine, Sequence
from typing import Any, Union, get_args, get_origin

from fastapi import UploadFile
from fastapi._compat import ModelField, Undefined, get_cached_model_fields
from fastapi.dependencies.utils import _get_form_models, request_body_to_args

from turboapi._engine import Extractor
from turboapi.plans import schemas
from turboapi.plans.defaults import default_spec
from turboapi.plans.dependencies import Program
from turboapi.plans.handlers import HandlerFacts
from turboapi.plans.parameters import compile_parameter
from turboapi.plans.reasons import NotPlannable


class FormExtractor:
    """Fills the first slots of a program from a request and its parsed form."""

    def __init__(self, extractor: Extractor | None, groups: list[list[ModelField]], *, embed: bool) -> None:
        self._extractor = extractor
        self._groups = groups
        self._embed = embed

    def from_scope(
        self, scope: dict[str, Any], path_params: dict[str, Any], body: object
    ) -> list[Any] | None:
        """The values of parameters and body fields; `None` if FastAPI has to look at the request."""
        values: list[Any] | None = []
        if self._extractor is not None:
            values = self._extractor.from_scope(scope, path_params, Undefined)
        if values is None:
            return None
        for fields in self._groups:
            found, errors = _result(
                request_body_to_args(
                    body_fields=fields,
                    received_body=body,
                    embed_body_fields=self._embed,
                )
            )
            if errors:
                return None
            values += [found[field.name] for field in fields]
        return values


def compile_form_extractor(program: Program, facts: HandlerFacts, path_names: Sequence[str]) -> FormExtractor:
    """What fills the first slots of `program` for a route with a form; raises `NotPlannable`."""
    parameters = [compile_parameter(field, location, path_names) for location, field in program.parameters]
    # FastAPI takes the fields of one callable together.
    groups = [list(call.dependant.body_params) for call in program.calls if call.dependant.body_params]
    if [id(field) for fields in groups for field in fields] != [id(field) for field in program.body_fields]:
        raise NotPlannable("its form is taken in an order that plans do not know")
    for field in program.body_fields:
        try:
            _check(field)
        except NotPlannable as error:
            raise NotPlannable(f"form field {field.name!r} {error}") from None
    extractor = Extractor(parameters, None) if parameters else None
    return FormExtractor(extractor, groups, embed=facts.embed_body_fields)


def _check(field: ModelField) -> None:
    """Raises unless extracting the field calls nothing of the user's and waits for nothing."""
    default_spec(field)
    annotation = field.field_info.annotation
    if _is_file(annotation) and not field.field_info.metadata:
        return
    fields = [item for model in _get_form_models(field) for item in get_cached_model_fields(model)]
    if any(_mentions_bytes(item.field_info.annotation) for item in (field, *fields)):
        raise NotPlannable("is the content of a file, which is read in a thread if it is large")
    schemas.check(field._type_adapter.core_schema, field.config)


def _is_file(annotation: Any) -> bool:
    """Whether the type is UploadFile, or some of them."""
    if annotation is UploadFile:
        return True
    if get_origin(annotation) not in (list, tuple, set, frozenset, Sequence, Union, types.UnionType):
        return False
    choices = [choice for choice in get_args(annotation) if choice not in (type(None), Ellipsis)]
    return bool(choices) and all(map(_is_file, choices))


def _mentions_bytes(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, bytes):
        return True
    return any(map(_mentions_bytes, get_args(annotation)))


def _result(
    coroutine: Coroutine[Any, Any, tuple[dict[str, Any], list[Any]]],
) -> tuple[dict[str, Any], list[Any]]:
    """What a coroutine that waits for nothing returns."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: tuple[dict[str, Any], list[Any]] = stop.value
        return result
    coroutine.close()
    return {}, ["it waits"]
