"""The ASGI callable in front of a `BaseHTTPMiddleware` that runs it."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError, Task, _get_running_loop, current_task
from collections.abc import Awaitable
from typing import Any, NoReturn

from anyio._backends._asyncio import TaskGroup
from starlette.middleware.base import BaseHTTPMiddleware, _CachedRequest
from starlette.types import Receive, Scope, Send

from turboapi._engine import PlanTable
from turboapi.plans.dispatch.exchange import Entry, Exchange

RAISE = "turboapi.dispatch.raise"
"""In a scope: an exception of this middleware, and whether its response has begun."""


class Substitute:
    """Does what `BaseHTTPMiddleware.__call__` does, for `app`.

    Stands where `app` stood in the middleware in front. It is shared by threads and loops; all that belongs
    to a request is in its `Exchange`.
    """

    def __init__(self, app: BaseHTTPMiddleware, table: PlanTable) -> None:
        self.app = app
        self.table = table
        self.active = False
        """Nothing that it does in Starlette's place was replaced."""
        self.entry: Entry | None = None
        """What is behind `app`, if that is FastAPI's own."""

    def __call__(self, scope: Scope, receive: Receive, send: Send, *, whole: bool = False) -> Awaitable[None]:
        """`whole`: nobody in front minds whether a body comes in one piece."""
        app = self.app
        if RAISE in scope:
            error, started = scope.pop(RAISE)
            return _raise(error, started, send)
        if scope["type"] == "http" and self.table.ensure() and self.active:
            loop = _get_running_loop()
            if (
                isinstance(loop, asyncio.BaseEventLoop)
                and current_task(loop) is not None
                and loop.get_task_factory() is None
                and not loop.get_debug()
            ):
                return _run(app, scope, receive, send, loop, self.entry, whole)
        return app(scope, receive, send)


async def _run(
    app: BaseHTTPMiddleware,
    scope: Scope,
    receive: Receive,
    send: Send,
    loop: asyncio.AbstractEventLoop,
    entry: Entry | None,
    whole: bool,
) -> None:
    request = _CachedRequest(scope, receive, send)
    host: Task[Any] = current_task(loop)  # type: ignore[assignment]
    exchange = Exchange(app, scope, request.wrapped_receive, send, host, loop, entry)
    try:
        try:
            response = await app.dispatch_func(request, exchange.call_next)
            await exchange.respond(response, send, whole=whole)
            exchange.finish()
        except BaseException as error:
            group = exchange.group
            if group is not None:
                if not await _leave(group, error):
                    raise
            elif isinstance(error, CancelledError):
                raise
            else:
                try:
                    raise BaseExceptionGroup("unhandled errors in a TaskGroup", [error]) from None
                except BaseExceptionGroup:
                    _raise_only(error)
        else:
            group = exchange.group
            if group is None:
                pass
            elif group._tasks or group._exceptions or group.cancel_scope._cancel_called:
                await _leave(group, None)
            else:
                # Without the pause of its __aexit__, which nobody is there to use.
                group.cancel_scope.__exit__(None, None, None)
        if exchange.error is not None and not exchange.raised:
            raise exchange.error
    finally:
        exchange.close()


async def _leave(group: TaskGroup, error: BaseException | None) -> bool:
    """`__aexit__` of `starlette._utils.create_collapsing_task_group`."""
    try:
        kind, traceback = (None, None) if error is None else (type(error), error.__traceback__)
        return await group.__aexit__(kind, error, traceback)
    except BaseExceptionGroup as raised:
        if len(raised.exceptions) != 1:
            raise
        _raise_only(raised.exceptions[0])
    finally:
        del error


def _raise_only(error: BaseException) -> NoReturn:
    """Raise the only error of a group as `create_collapsing_task_group` does."""
    try:
        raise error from error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    finally:
        del error


async def _raise(error: Exception, started: bool, send: Send) -> None:
    if started:
        await send({"type": "http.response.start", "status": 200, "headers": []})
    raise error
