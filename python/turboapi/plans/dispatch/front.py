"""The way from the engine to the outermost dispatch function, past FastAPI's own before it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from turboapi.plans.dispatch.substitute import RAISE, Substitute
from turboapi.plans.runtime import send_nowhere


class Front:
    """Does for an HTTP request what `app` does, unless it raises: then `app` has its say.

    `FastAPI.__call__` and `Starlette.__call__` fill in the scope, and `ServerErrorMiddleware` and
    `ExceptionTelemetryMiddleware` do something about exceptions only.
    """

    def __init__(self, app: FastAPI, outermost: Any, substitute: Substitute) -> None:
        self._app = app
        self._outermost = outermost
        self._substitute = substitute
        self._root_path = app.root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._root_path:
            scope["root_path"] = self._root_path
        scope["app"] = self._app
        started = False

        def watched(message: Message) -> Awaitable[None]:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
            return send(message)

        try:
            await self._substitute(scope, receive, watched, whole=True)
        except Exception as error:
            scope[RAISE] = error, started
            # What has begun is announced again, to those who only have to know.
            await self._outermost(scope, receive, send_nowhere if started else send)
