"""The ASGI callable in front of a `BaseHTTPMiddleware` that runs it."""

from __future__ import annotations

import asyncio
from asyncio import _get_running_loop, current_task
from collections.abc import Awaitable

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
    group = TaskGroup()
    # As its __aenter__ does, which has nothing to wait for.
    group._entered = True
    group.cancel_scope.__enter__()
    exchange = Exchange(app, scope, request.wrapped_receive, send, group, loop, entry)
    try:
        try:
            try:
                response = await app.dispatch_func(request, exchange.call_next)
                await exchange.respond(response, send, whole=whole)
                exchange.finish()
            except BaseException as error:
                if not await group.__aexit__(type(error), error, error.__traceback__):
                    raise
            else:
                if group._tasks or group._exceptions or group.cancel_scope._cancel_called:
                    await group.__aexit__(None, None, None)
                else:
                    group.cancel_scope.__exit__(None, None, None)
        except BaseExceptionGroup as raised:
            # starlette._utils.create_collapsing_task_group
            if len(raised.exceptions) != 1:
                raise
            only = raised.exceptions[0]
            context = None if only.__suppress_context__ else only.__context__
            try:
                raise only from only.__cause__ or context
            finally:
                del only, context
        if exchange.error is not None and not exchange.raised:
            raise exchange.error
    finally:
        exchange.close()


async def _raise(error: Exception, started: bool, send: Send) -> None:
    if started:
        await send({"type": "http.response.start", "status": 200, "headers": []})
    raise error
