"""The way from the engine to the outermost dispatch function, past FastAPI's own before it."""

from __future__ import annotations

from asyncio import _get_running_loop
from collections.abc import Awaitable
from typing import Any

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from turboapi.plans.dispatch.exchange import EngineSend
from turboapi.plans.dispatch.running import run, suits
from turboapi.plans.dispatch.substitute import Substitute


class Front:
    """Does for an HTTP request what `app` does, unless it raises: then `outermost` has its say.

    `FastAPI.__call__` and `Starlette.__call__` fill in the scope, and `ServerErrorMiddleware` and
    `ExceptionTelemetryMiddleware` do something about exceptions only. The engine is the only caller, right
    after it has seen that the plans hold.
    """

    def __init__(self, app: FastAPI, outermost: Any, substitute: Substitute) -> None:
        self._app = app
        self._outermost = outermost
        self._substitute = substitute
        self._root_path = app.root_path

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        loop = _get_running_loop()
        substitute = self._substitute
        if not substitute.active or not suits(loop):
            return self._app(scope, receive, send)
        if self._root_path:
            scope["root_path"] = self._root_path
        scope["app"] = self._app
        return run(substitute.app, scope, receive, EngineSend(send), loop, substitute.entry, self._outermost)
