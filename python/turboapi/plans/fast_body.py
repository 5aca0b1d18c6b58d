"""The body of a request, read and parsed as FastAPI's handler does before it solves dependencies."""

from __future__ import annotations

import email.message
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final

from fastapi._compat import Undefined
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from turboapi.plans.originals import text_of

if TYPE_CHECKING:
    from turboapi.plans.handlers import HandlerFacts


class Unparsable:
    """The type of `UNPARSABLE`."""


UNPARSABLE: Final = Unparsable()
"""The body was read, and is kept on the request, but FastAPI's handler has to say what is wrong with it."""

ReadBody = Callable[[Request, Receive], Awaitable[Any]]


def compile_body_reader(facts: HandlerFacts) -> ReadBody | None:
    """The function from a request to its parsed body, or `UNPARSABLE`; `None` if the route takes no body.

    It raises what FastAPI raises while the body arrives.
    """
    if not facts.body_field:
        return None
    text = text_of(facts.handler.__code__, "There was an error parsing the body")
    if facts.is_body_form:
        return _form_reader(text)
    strict = facts.actual_strict_content_type

    async def read(request: Request, receive: Receive) -> Any:
        try:
            body = await _body(request, receive)
        except HTTPException:
            raise
        except Exception as error:
            raise HTTPException(status_code=400, detail=text) from error
        if not body:
            return Undefined
        try:
            return await request.json() if _is_json(request, strict=strict) else body
        except Exception:
            return UNPARSABLE

    return read


def _form_reader(text: str) -> ReadBody:
    async def read_form(request: Request, receive: Receive) -> Any:
        files: AsyncExitStack = request.scope["fastapi_middleware_astack"]
        try:
            form = await request.form()
            files.push_async_callback(form.close)
        except HTTPException:
            raise
        except Exception as error:
            raise HTTPException(status_code=400, detail=text) from error
        return form

    return read_form


async def _body(request: Request, receive: Receive) -> bytes:
    # What Request.body() leaves behind, without its generator.
    chunks: list[bytes] = []
    while True:
        message = await receive()
        kind = message["type"]
        if kind == "http.request":
            more = message.get("more_body", False)
            if not more:
                request._stream_consumed = True
            if chunk := message.get("body", b""):
                chunks.append(chunk)
            if not more:
                break
        elif kind == "http.disconnect":
            request._is_disconnected = True
            raise ClientDisconnect
    request._body = body = b"".join(chunks)
    return body


def _is_json(request: Request, *, strict: bool) -> bool:
    content_type = request.headers.get("content-type")
    if content_type == "application/json":
        return True
    if not content_type:
        return not strict
    message = email.message.Message()
    message["content-type"] = content_type
    if message.get_content_maintype() != "application":
        return False
    subtype = message.get_content_subtype()
    return subtype == "json" or subtype.endswith("+json")
