"""What the engine calls in Python while it runs a plan."""

from __future__ import annotations

import types
from asyncio import get_running_loop
from collections.abc import Awaitable, Generator
from contextlib import AsyncExitStack

from fastapi import BackgroundTasks
from starlette._exception_handler import wrap_app_handling_exceptions
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = [
    "BackgroundTasks",
    "adopt_background",
    "make_request",
    "make_response",
    "raise_in_route",
    "run_in_threadpool",
    "send_nowhere",
    "turn",
    "with_file_stack",
]


def make_response() -> Response:
    """The `Response` whose status and headers dependencies may fill in (`solve_dependencies`)."""
    response = Response()
    del response.headers["content-length"]
    response.status_code = None  # type: ignore[assignment]
    return response


def make_request(scope: Scope, receive: Receive, send: Send, body: bytes | None) -> Request:
    """The `Request` that user code gets, over a scope with everything FastAPI has put there by then.

    `body` was received already.
    """
    for name in _EXIT_STACKS:
        if name not in scope:
            scope[name] = AsyncExitStack()
    request = Request(scope, receive, send)
    if body is not None:
        request._body = body
        request._stream_consumed = True
    return request


_EXIT_STACKS = ("fastapi_middleware_astack", "fastapi_inner_astack", "fastapi_function_astack")


def adopt_background(returned: object, tasks: BackgroundTasks) -> bool:
    """Give the tasks to a returned `Response`; true if they are its own business from now on."""
    if not isinstance(returned, Response):
        return False
    if returned.background is None:
        returned.background = tasks
    return True


async def raise_in_route(
    exception: Exception, started: bool, handled_in_route: bool, scope: Scope, receive: Receive, send: Send
) -> None:
    """Raise what a route raised where the route would have, inside the application's own handlers.

    There are two rings of them: `request_response` has one at the route, which an exception that was
    `handled_in_route` has been through, and `ExceptionMiddleware` the other, for what the first raises.
    A response that has `started` is announced again, for the middleware to know; `send` drops it then.
    """

    async def route(scope: Scope, receive: Receive, send: Send) -> None:
        if started:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise exception

    if handled_in_route:
        await route(scope, receive, send)
    await wrap_app_handling_exceptions(route, Request(scope, receive, send))(scope, receive, send)


@types.coroutine
def _yield() -> Generator[None, None, None]:
    yield


async def turn() -> None:
    """Wait for one turn of the event loop, in which the engine writes what was sent.

    Between a response and its background tasks: code of theirs that blocks the loop would hold the response
    back, which on uvicorn is on its way by then.
    """
    try:
        get_running_loop()
    except RuntimeError:
        # A test client on trio: there is no engine to write anything.
        return
    await _yield()


async def send_nowhere(message: Message) -> None:
    """An ASGI `send` for a response that is over."""


def with_file_stack(plan: ASGIApp, *, has_form: bool) -> ASGIApp:
    """`plan` behind what FastAPI's innermost middleware provides (`AsyncExitStackMiddleware`).

    Only forms ever put something on that stack, so the stack of other routes need not be closed.
    """

    async def closing(scope: Scope, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as stack:
            scope["fastapi_middleware_astack"] = stack
            await plan(scope, receive, send)

    def app(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if "fastapi_middleware_astack" not in scope:
            if has_form:
                return closing(scope, receive, send)
            scope["fastapi_middleware_astack"] = AsyncExitStack()
        return plan(scope, receive, send)

    return app
