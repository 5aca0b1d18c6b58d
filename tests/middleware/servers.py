"""Servers in threads of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

import turboapi


@contextmanager
def running(server: Any) -> Iterator[tuple[str, int]]:
    """The address of a server, which runs until the block ends."""
    thread = threading.Thread(target=server.run)
    started = threading.Event()
    startup = server.startup

    async def announced(sockets: object = None) -> None:
        try:
            await startup(sockets)
        finally:
            started.set()

    server.startup = announced
    thread.start()
    try:
        assert started.wait(30)
        assert server.started
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        yield host, port
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def engine(app: ASGIApp) -> Any:
    """The engine for an app."""
    return turboapi.Server(
        turboapi.Config(app, port=0, log_config=None, access_log=False, timeout_keep_alive=60, lifespan="off")
    )


def bridge(app: FastAPI) -> Any:
    """The engine for an app that it knows nothing of: Starlette's own middleware and router answer."""

    async def unknown(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    return engine(unknown)


def uvicorn_server(app: FastAPI) -> Any:
    """The original for an app."""
    return uvicorn.Server(
        uvicorn.Config(app, port=0, log_config=None, access_log=False, timeout_keep_alive=60, ws="none")
    )
