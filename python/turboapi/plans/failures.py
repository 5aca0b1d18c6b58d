"""An exception of a route, given to the handlers of the app as Starlette's wrapper of the route does."""

from __future__ import annotations

from starlette._exception_handler import wrap_app_handling_exceptions
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send


async def answer_failure(
    exception: Exception, request: Request, receive: Receive, send: Send, *, started: bool
) -> None:
    """Lets Starlette's own code find the handler for `exception`, call it and send its response.

    `started` says whether the route has started a response. Raises what Starlette raises: `exception` if
    nothing handles it, `RuntimeError` if something would but the response has started. Call it where
    `exception` is caught.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if started:
            # Only what was sent through the wrapper counts as started; this one goes nowhere.
            await send({"type": "http.response.start"})
        raise exception

    async def nowhere(message: Message) -> None:
        pass

    await wrap_app_handling_exceptions(app, request)(request.scope, receive, nowhere if started else send)
