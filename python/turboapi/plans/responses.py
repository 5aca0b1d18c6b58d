"""How a route answers: from its handler's facts to what the engine's `Encoder` does.

The engine answers by itself where it can prove the outcome: pydantic's own JSON, trees of builtins in a stock
`JSONResponse`, text in a stock text response, plain `Response` objects. Everything else is built by the
functions below, which repeat the last lines of FastAPI's request handler (`fastapi/routing.py`,
`get_request_handler`) on the same value.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import FunctionType, ModuleType
from typing import Any, Literal, NamedTuple
from uuid import UUID

import fastapi._compat.v2
import fastapi.encoders
import fastapi.routing
import fastapi.utils
import starlette.datastructures
import starlette.responses
from fastapi._compat import ModelField
from fastapi.datastructures import DefaultPlaceholder
from fastapi.dependencies.models import _is_async_gen_callable, _is_gen_callable
from fastapi.exceptions import ResponseValidationError
from pydantic import TypeAdapter
from pydantic_core import SchemaSerializer, ValidationError
from starlette.datastructures import MutableHeaders
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)

from turboapi.plans import schemas
from turboapi.plans.handlers import HandlerFacts
from turboapi.plans.reasons import NotPlannable
from turboapi.plans.validators import core_validator

PreparedCall = tuple[Callable[..., Any], tuple[str, ...], tuple[Any, ...]]
"""A callable of one positional argument, with the names and values of its keyword arguments."""


class FieldSpec(NamedTuple):
    """What is done with a response model."""

    validate: PreparedCall
    dump: PreparedCall
    gives_body: bool
    """Whether `dump` makes the JSON text; else it makes content for the response class."""


class ResponseSpec(NamedTuple):
    """The argument of `turboapi._engine.Encoder`."""

    status_code: int | None
    field: FieldSpec | None
    content: Literal["json", "text", "class"]
    """What the response class makes of content: JSON, the string itself, or something only it knows."""
    content_type: str | None
    """The whole header value for text; None means no such header."""
    jsonable: Callable[[Any], Any]
    build: Callable[[Any, Response | None], Response]
    """From content and the injected `Response` to the answer."""
    failure: Callable[[Any, ValidationError, str, str], ResponseValidationError]
    """From the returned value, pydantic's error, the method and the root path to FastAPI's exception."""
    invalid: type[ValidationError]
    response_type: type[Response]
    response_call: Callable[..., Any]
    headers_type: type[MutableHeaders]
    familiar: tuple[list[type], list[type]] | None
    """For a `def` endpoint with a response model: types of plain values, and classes of the model's objects.

    What consists of these is validated without running code of the application, and needs no worker thread.
    """


def compile_response(facts: HandlerFacts) -> ResponseSpec:
    """The specification of a route's answers; raises `NotPlannable` for what only FastAPI can answer."""
    _check_stock()
    _check_kind(facts)
    dumps_json = facts.response_field is not None and isinstance(facts.response_class, DefaultPlaceholder)
    field = None if facts.response_field is None else _field_spec(facts, gives_body=dumps_json)
    content, content_type = ("json", None) if dumps_json else _content(facts.actual_response_class)
    return ResponseSpec(
        status_code=facts.status_code or None,
        field=field,
        content=content,
        content_type=content_type,
        jsonable=fastapi.encoders.jsonable_encoder,
        build=_json_builder(facts) if dumps_json else _class_builder(facts),
        failure=_failure(facts),
        invalid=ValidationError,
        response_type=Response,
        response_call=Response.__call__,
        headers_type=MutableHeaders,
        familiar=None if facts.is_coroutine or field is None else _familiar(facts.response_field),
    )


def _check_kind(facts: HandlerFacts) -> None:
    call = facts.dependant.call
    if facts.is_sse_stream:
        raise NotPlannable("it sends server-sent events")
    if facts.is_json_stream:
        raise NotPlannable("it streams JSON lines")
    if _is_gen_callable(call) or _is_async_gen_callable(call):
        raise NotPlannable("it is a generator and streams")
    status_code = facts.status_code
    if status_code is not None and not (isinstance(status_code, int) and 0 <= status_code < 1000):
        raise NotPlannable("its status code is none of HTTP")


def _field_spec(facts: HandlerFacts, *, gives_body: bool) -> FieldSpec:
    field = facts.response_field
    adapter = field._type_adapter if type(field) is ModelField else None
    if type(adapter) is not TypeAdapter:
        raise NotPlannable("its response model is of a kind this version does not know")
    validator, serializer = core_validator(adapter.validator), adapter.serializer
    if validator is None or type(serializer) is not SchemaSerializer:
        raise NotPlannable("its response model is not complete, or a plugin of pydantic's listens to it")
    if not facts.is_coroutine:
        _check_validation(field)
    dump = serializer.to_json if gives_body else serializer.to_python
    arguments = {} if gives_body else {"mode": "json"}
    arguments |= {name: value for name, value, default in _dump_arguments(facts) if value is not default}
    return FieldSpec(
        validate=(validator.validate_python, ("from_attributes",), (True,)),
        dump=(dump, tuple(arguments), tuple(arguments.values())),
        gives_body=gives_body,
    )


def _check_validation(field: ModelField) -> None:
    """Raises unless a `def` endpoint's answer may be validated on the loop, where FastAPI uses a thread."""
    try:
        schemas.check(field._type_adapter.core_schema, field.config)
    except NotPlannable as reason:
        raise NotPlannable(f"its response model, validated in a worker thread, {reason}") from None


def _familiar(field: ModelField) -> tuple[list[type], list[type]]:
    models: list[type] = []
    pending: list[Any] = [field._type_adapter.core_schema]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            if node.get("type") in ("model", "dataclass"):
                models.append(node["cls"])
            pending.extend(value for key, value in node.items() if key not in ("serialization", "metadata"))
        elif isinstance(node, (list, tuple)):
            pending.extend(node)
    return list(_PLAIN_TYPES), models


_PLAIN_TYPES = (bytes, date, datetime, time, timedelta, Decimal, UUID)


def _dump_arguments(facts: HandlerFacts) -> list[tuple[str, Any, Any]]:
    """Name, value and pydantic's default of what FastAPI passes on to the serializer."""
    return [
        ("include", facts.response_model_include, None),
        ("exclude", facts.response_model_exclude, None),
        ("by_alias", facts.response_model_by_alias, None),
        ("exclude_unset", facts.response_model_exclude_unset, False),
        ("exclude_defaults", facts.response_model_exclude_defaults, False),
        ("exclude_none", facts.response_model_exclude_none, False),
    ]


def _content(response_class: type[Response]) -> tuple[Literal["json", "text", "class"], str | None]:
    if response_class is JSONResponse:
        return "json", None
    if response_class in _TEXT_TYPES:
        return "text", _TEXT_TYPES[response_class]
    if response_class not in (RedirectResponse, FileResponse) and not _only_renders(response_class):
        raise NotPlannable(f"its response class {response_class.__qualname__} does more than render content")
    return "class", None


_TEXT_TYPES: dict[type[Response], str | None] = {
    Response: None,
    HTMLResponse: "text/html; charset=utf-8",
    PlainTextResponse: "text/plain; charset=utf-8",
}


def _only_renders(response_class: type[Response]) -> bool:
    """Whether a class changes no more than media type, charset and `render`."""
    return (
        type(response_class) is type
        and response_class.__new__ is object.__new__
        and response_class.__init__ in (Response.__init__, JSONResponse.__init__)
        and response_class.init_headers is Response.init_headers
        and response_class.__call__ is Response.__call__
        and response_class.__getattribute__ is object.__getattribute__
        and response_class.__setattr__ is object.__setattr__
    )


def _json_builder(facts: HandlerFacts) -> Callable[[Any, Response | None], Response]:
    """For text that pydantic has written."""

    def build(content: Any, injected: Response | None) -> Response:
        arguments = _response_arguments(facts.status_code, injected)
        return _completed(Response(content, media_type="application/json", **arguments), injected)

    return build


def _class_builder(facts: HandlerFacts) -> Callable[[Any, Response | None], Response]:
    """For content that the route's class renders."""

    def build(content: Any, injected: Response | None) -> Response:
        arguments = _response_arguments(facts.status_code, injected)
        return _completed(facts.actual_response_class(content, **arguments), injected)

    return build


def _response_arguments(status_code: int | None, injected: Response | None) -> dict[str, Any]:
    arguments: dict[str, Any] = {"background": None}
    set_later = injected.status_code if injected is not None else None
    current = status_code or set_later
    if current is not None:
        arguments["status_code"] = current
    if set_later:
        arguments["status_code"] = set_later
    return arguments


def _completed(response: Response, injected: Response | None) -> Response:
    if not fastapi.utils.is_body_allowed_for_status_code(response.status_code):
        response.body = b""
    if injected is not None:
        response.headers.raw.extend(injected.headers.raw)
    return response


def _failure(facts: HandlerFacts) -> Callable[[Any, ValidationError, str, str], ResponseValidationError]:
    dependant = facts.dependant

    def failure(body: Any, error: ValidationError, method: str, root_path: str) -> ResponseValidationError:
        context = fastapi.routing._extract_endpoint_context(dependant.call)
        if dependant.path:
            context["path"] = f"{method} {root_path.rstrip('/')}{dependant.path}"
        errors = fastapi._compat.v2._regenerate_error_with_loc(
            errors=error.errors(include_url=False), loc_prefix=("response",)
        )
        return ResponseValidationError(errors=errors, body=body, endpoint_ctx=context)

    return failure


def _check_stock() -> None:
    """Raises unless every function whose work the engine does is the one its library defines."""
    for owner, name, module in _REPLACED:
        function = getattr(owner, name, None)
        if type(function) is not FunctionType or function.__code__.co_filename != module.__file__:
            raise NotPlannable(f"{owner.__name__}.{name} is not the one of {module.__name__}")


_REPLACED: tuple[tuple[Any, str, ModuleType], ...] = (
    (fastapi.routing, "jsonable_encoder", fastapi.encoders),
    (fastapi.routing, "serialize_response", fastapi.routing),
    (fastapi.routing, "_build_response_args", fastapi.routing),
    (fastapi.routing, "is_body_allowed_for_status_code", fastapi.utils),
    (ModelField, "validate", fastapi._compat.v2),
    (ModelField, "serialize", fastapi._compat.v2),
    (ModelField, "serialize_json", fastapi._compat.v2),
    (Response, "__init__", starlette.responses),
    (Response, "render", starlette.responses),
    (Response, "init_headers", starlette.responses),
    (Response, "__call__", starlette.responses),
    (HTMLResponse, "render", starlette.responses),
    (PlainTextResponse, "render", starlette.responses),
    (JSONResponse, "__init__", starlette.responses),
    (JSONResponse, "render", starlette.responses),
    (json, "dumps", json),
)
