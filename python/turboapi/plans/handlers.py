"""What a FastAPI route really executes: the variables its request handler closed over.

FastAPI builds the handler of a route once (`get_request_handler` in `fastapi/routing.py`). A change to the
route's attributes afterwards does nothing, so the closure is read, not the route.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from types import CodeType, FunctionType
from typing import Any

import fastapi.routing
from fastapi.datastructures import DefaultPlaceholder
from fastapi.dependencies.models import Dependant
from starlette.responses import Response

from turboapi.plans.reasons import NotPlannable


@dataclass(frozen=True, slots=True)
class HandlerFacts:
    """The free variables of one request handler, under the names FastAPI gives them."""

    app: FunctionType
    """The ASGI callable of the route, made by `request_response`."""
    handler: FunctionType
    """The function from request to response, made by `get_request_handler`."""

    dependant: Dependant
    body_field: Any
    status_code: int | None
    response_class: type[Response] | DefaultPlaceholder
    response_field: Any
    response_model_include: Any
    response_model_exclude: Any
    response_model_by_alias: bool
    response_model_exclude_unset: bool
    response_model_exclude_defaults: bool
    response_model_exclude_none: bool
    dependency_overrides_provider: Any
    embed_body_fields: bool
    is_body_form: bool
    is_coroutine: bool
    is_sse_stream: bool
    is_json_stream: bool
    stream_item_field: Any
    actual_response_class: type[Response]
    actual_strict_content_type: bool


_VARIABLES = frozenset(field.name for field in fields(HandlerFacts)) - {"app", "handler"}


def handler_facts(app: object) -> HandlerFacts:
    """The facts of the route whose ASGI callable is `app`; raises `NotPlannable` unless FastAPI made it."""
    app = _function(app, _APP_CODE, "its ASGI callable is not the one FastAPI makes")
    handler = _function(
        _variables(app).get("f"), _HANDLER_CODE, "its request handler is not the one FastAPI makes"
    )
    variables = _variables(handler)
    if variables.keys() != _VARIABLES:
        raise NotPlannable("its request handler has variables this version does not know")
    return HandlerFacts(app=app, handler=handler, **variables)


def _function(value: object, code: CodeType, reason: str) -> FunctionType:
    if type(value) is not FunctionType or value.__code__ is not code:
        raise NotPlannable(reason)
    return value


def _variables(function: FunctionType) -> dict[str, Any]:
    cells = function.__closure__ or ()
    try:
        return {
            name: cell.cell_contents for name, cell in zip(function.__code__.co_freevars, cells, strict=True)
        }
    except ValueError:
        raise NotPlannable("its request handler has an empty variable") from None


def _inner_code(function: Callable[..., Any], name: str) -> CodeType:
    """The code of the function `name` that `function` defines."""
    for constant in function.__code__.co_consts:
        if isinstance(constant, CodeType) and constant.co_name == name:
            return constant
    raise NotPlannable(f"{function.__qualname__} of this FastAPI defines no {name}")


_APP_CODE = _inner_code(fastapi.routing.request_response, "app")
_HANDLER_CODE = _inner_code(fastapi.routing.get_request_handler, "app")
