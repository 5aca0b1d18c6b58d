"""The ASGI callable in front of a `BaseHTTPMiddleware` that runs it."""

from __future__ import annotations

from asyncio import _get_running_loop, current_task
from collections.abc import Awaitable

from starlette.middleware.base import BaseHTTPMiddleware
from starlette.types import Receive, Scope, Send

from turboapi._engine import PlanTable
from turboapi.plans.dispatch.exchange import Entry
from turboapi.plans.dispatch.running import RAISE, run, suits


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

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if RAISE in scope:
            error, begun = scope.pop(RAISE)
            return _raise(error, begun, send)
        if scope["type"] == "http" and self.table.ensure() and self.active:
            loop = _get_running_loop()
            if suits(loop) and current_task(loop) is not None:
                return run(self.app, scope, receive, send, loop, self.entry)
        return self.app(scope, receive, send)


async def _raise(error: Exception, begun: bool, send: Send) -> None:
    if begun:
        await send({"type": "http.response.start", "status": 200, "headers": []})
    raise error
