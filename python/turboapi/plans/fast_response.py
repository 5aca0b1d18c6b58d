"""From what an endpoint returned to what is sent, as the end of FastAPI's handler does it.

The engine's encoder does it where nothing but its own `__call__` would see the response that FastAPI builds.
Where the encoder is not known to give the same, the response class is called as FastAPI calls it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from fastapi.datastructures import DefaultPlaceholder
from fastapi.exceptions import EndpointContext
from fastapi.routing import _build_response_args, _extract_endpoint_context, serialize_response
from fastapi.utils import is_body_allowed_for_status_code
from starlette.background import BackgroundTasks
from starlette.requests import Request
from starlette.responses import Response

from turboapi._engine import Encoder
from turboapi.plans.fast_solve import Solved, solved_dependency
from turboapi.plans.reasons import NotPlannable
from turboapi.plans.responses import compile_response

if TYPE_CHECKING:
    from turboapi.plans.handlers import HandlerFacts

Reply: TypeAlias = tuple[int, list[tuple[bytes, bytes]], bytes, BackgroundTasks | None]
"""Status, headers and body of a whole response, and what to run after it."""

Encode = Callable[[Any, Response | None, str, str], tuple[int, list[tuple[bytes, bytes]], bytes] | Response]
"""From the returned value, the injected response, the method and the root path."""
MakeResponse = Callable[[Any, Solved, Request], Awaitable[Response]]


def endpoint_context(facts: HandlerFacts, request: Request) -> EndpointContext:
    """What an error message says about the endpoint."""
    context = _extract_endpoint_context(facts.dependant.call)
    if facts.dependant.path:
        mount_path = request.scope.get("root_path", "").rstrip("/")
        context["path"] = f"{request.method} {mount_path}{facts.dependant.path}"
    return context


def adopt(response: Response, background: BackgroundTasks | None) -> Response:
    """`response`, with the background tasks of the request if it has none of its own."""
    if response.background is None:
        response.background = background
    return response


def compile_encode(facts: HandlerFacts) -> Encode | None:
    """The engine's encoder for the route, `None` if it cannot answer as FastAPI does."""
    try:
        return Encoder(compile_response(facts)).encode
    except NotPlannable:
        return None


def compile_build(facts: HandlerFacts, *, validates_inline: bool) -> MakeResponse:
    """The function from the returned value to the response by FastAPI's own functions.

    `validates_inline` says that validating the response needs no thread.
    """
    dumps = facts.response_field is not None and isinstance(facts.response_class, DefaultPlaceholder)
    inline = facts.is_coroutine or validates_inline
    response_class = facts.actual_response_class

    async def build(raw: Any, solved: Solved, request: Request) -> Response:
        result = solved_dependency(solved)
        arguments = _build_response_args(status_code=facts.status_code, solved_result=result)
        content = await serialize_response(
            field=facts.response_field,
            response_content=raw,
            include=facts.response_model_include,
            exclude=facts.response_model_exclude,
            by_alias=facts.response_model_by_alias,
            exclude_unset=facts.response_model_exclude_unset,
            exclude_defaults=facts.response_model_exclude_defaults,
            exclude_none=facts.response_model_exclude_none,
            is_coroutine=inline,
            endpoint_ctx=endpoint_context(facts, request),
            dump_json=dumps,
        )
        if dumps:
            response = Response(content=content, media_type="application/json", **arguments)
        else:
            response = response_class(content, **arguments)
        if not is_body_allowed_for_status_code(response.status_code):
            response.body = b""
        response.headers.raw.extend(result.response.headers.raw)
        return response

    return build
