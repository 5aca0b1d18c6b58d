"""From what an endpoint returned to what is sent, as the end of FastAPI's handler does it.

Where the response that FastAPI would build is seen by nobody but its own `__call__`, it is not built: status,
headers and body are made directly. Otherwise the response class is called as FastAPI calls it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from fastapi.datastructures import DefaultPlaceholder
from fastapi.exceptions import EndpointContext, ResponseValidationError
from fastapi.routing import _build_response_args, _extract_endpoint_context, serialize_response
from fastapi.utils import is_body_allowed_for_status_code
from starlette.background import BackgroundTasks
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import turboapi._engine
from turboapi.plans.fast_solve import Solved, solved_dependency

if TYPE_CHECKING:
    from turboapi.plans.handlers import HandlerFacts


class Reply(NamedTuple):
    """A whole response, ready to be sent."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    background: BackgroundTasks | None


MakeResponse = Callable[[Any, Solved, Request], Awaitable[Response | Reply]]

_JSON = (b"content-type", b"application/json")
_encode_json: Callable[[object], bytes | None] | None = getattr(turboapi._engine, "encode_json", None)


def endpoint_context(facts: HandlerFacts, request: Request) -> EndpointContext:
    """What an error message says about the endpoint."""
    context = _extract_endpoint_context(facts.dependant.call)
    if facts.dependant.path:
        mount_path = request.scope.get("root_path", "").rstrip("/")
        context["path"] = f"{request.method} {mount_path}{facts.dependant.path}"
    return context


def compile_response(facts: HandlerFacts, *, validates_inline: bool) -> MakeResponse:
    """The function from the returned value to the response; it raises what FastAPI raises while serialising.

    `validates_inline` says that validating the response runs no Python of the user's, so that it needs no thread.
    """
    dumps = facts.response_field is not None and isinstance(facts.response_class, DefaultPlaceholder)
    make_content = _content(facts, dumps=dumps, inline=facts.is_coroutine or validates_inline)
    make_quickly = _quick_content(facts, dumps=dumps, inline=facts.is_coroutine or validates_inline)
    response_class = facts.actual_response_class
    declared_status = facts.status_code
    # A status of 0 means none to FastAPI, and Response says 200 then.
    status = declared_status or 200
    if not is_body_allowed_for_status_code(status):
        make_quickly = None

    async def make(raw: Any, solved: Solved, request: Request) -> Response | Reply:
        if isinstance(raw, Response):
            if raw.background is None:
                raw.background = solved.background
            return raw
        injected = solved.response
        if make_quickly is not None and (
            injected is None or (injected.status_code is None and not injected.headers.raw)
        ):
            body = make_quickly(raw, request)
            if body is not None:
                return Reply(status, [(b"content-length", b"%d" % len(body)), _JSON], body, solved.background)
        result = solved_dependency(solved)
        arguments = _build_response_args(status_code=declared_status, solved_result=result)
        content = await make_content(raw, request)
        if dumps:
            response = Response(content=content, media_type="application/json", **arguments)
        else:
            response = response_class(content, **arguments)
        if not is_body_allowed_for_status_code(response.status_code):
            response.body = b""
        response.headers.raw.extend(result.response.headers.raw)
        return response

    return make


def _content(facts: HandlerFacts, *, dumps: bool, inline: bool) -> Callable[[Any, Request], Awaitable[Any]]:
    field = facts.response_field
    options = _options(facts)

    async def content(raw: Any, request: Request) -> Any:
        return await serialize_response(
            field=field,
            response_content=raw,
            is_coroutine=inline,
            endpoint_ctx=endpoint_context(facts, request),
            dump_json=dumps,
            **options,
        )

    return content


def _quick_content(
    facts: HandlerFacts, *, dumps: bool, inline: bool
) -> Callable[[Any, Request], bytes | None] | None:
    """The function from the returned value to the JSON body, `None` where only the general way knows it."""
    field = facts.response_field
    if field is None:
        encode = _encode_json
        if facts.actual_response_class is not JSONResponse or encode is None:
            return None
        return lambda raw, request: encode(raw)
    if not dumps or not inline:
        return None
    validate, serialize, options = field.validate, field.serialize_json, _options(facts)

    def dump(raw: Any, request: Request) -> bytes:
        value, errors = validate(raw, {}, loc=("response",))
        if errors:
            raise ResponseValidationError(
                errors=errors, body=raw, endpoint_ctx=endpoint_context(facts, request)
            )
        body: bytes = serialize(value, **options)
        return body

    return dump


def _options(facts: HandlerFacts) -> dict[str, Any]:
    return {
        "include": facts.response_model_include,
        "exclude": facts.response_model_exclude,
        "by_alias": facts.response_model_by_alias,
        "exclude_unset": facts.response_model_exclude_unset,
        "exclude_defaults": facts.response_model_exclude_defaults,
        "exclude_none": facts.response_model_exclude_none,
    }
