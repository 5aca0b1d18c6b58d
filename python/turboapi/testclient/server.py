"""An engine on the loop of a portal, reached over a Unix socket."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import tempfile
import threading
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Self

from anyio.from_thread import BlockingPortal
from starlette.types import Receive, Scope, Send

from turboapi.testclient.exchange import AppFailed, Exchange

if TYPE_CHECKING:
    from turboapi._engine import HttpServer

EXCHANGE_HEADER = b"x-turboapi-exchange"
"""Request header with the key of the request's `Exchange`; the app never sees it."""

MAX_HEAD = 16 * 1024 * 1024
"""Largest request head in bytes; the stock client has no limit, a server must have one."""


class _AppFailedFilter(logging.Filter):
    """Drops the engine's report of an app's exception: the test is told of it by the client, or asked not
    to be."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], AppFailed))


logging.getLogger("uvicorn.error").addFilter(_AppFailedFilter())


class EngineServer:
    """Runs `HttpServer` on a portal's loop from construction to `close`, and hands its calls to exchanges."""

    def __init__(self, portal: BlockingPortal) -> None:
        self.portal = portal
        self._exchanges: dict[bytes, Exchange] = {}
        self._keys = count()
        self._lock = threading.Lock()
        self._closed = False
        listener, self._directory = _listen()
        self._address: str | bytes = listener.getsockname()
        try:
            with listener:
                self._server: HttpServer = portal.call(self._start, listener)
        except BaseException:
            self._remove()
            raise

    def connect(self) -> socket.socket:
        """A new blocking connection to the engine."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(self._address)
        except BaseException:
            connection.close()
            raise
        return connection

    def expect(self, exchange: Exchange) -> tuple[bytes, bytes]:
        """Register an exchange; returns the header that its request must carry."""
        with self._lock:
            key = str(next(self._keys)).encode()
        self._exchanges[key] = exchange
        return EXCHANGE_HEADER, key

    def close(self) -> None:
        """Drop every connection, stop listening, and wait until the engine's tasks have ended."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        try:
            self.portal.call(self._stop)
        finally:
            self._remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _remove(self) -> None:
        if self._directory is not None:
            self._directory.cleanup()

    async def _start(self, listener: socket.socket) -> HttpServer:
        from turboapi._engine import HttpServer

        server = HttpServer(
            asyncio.get_running_loop(),
            self._app,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            access_log=False,
            ws_ping_interval=None,
            ws_ping_timeout=None,
            h11_max_incomplete_event_size=MAX_HEAD,
        )
        server.listen(listener.detach())
        return server

    async def _stop(self) -> None:
        self._server.drain()
        self._server.close()
        await self._server.closed()

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = list(scope["headers"])
        name, key = headers.pop()
        assert name == EXCHANGE_HEADER, "The engine changed the order of the request's headers."
        await self._exchanges.pop(key).deliver({**scope, "headers": headers}, receive, send)


def _listen() -> tuple[socket.socket, tempfile.TemporaryDirectory[str] | None]:
    """A listening Unix socket, and the directory to remove afterwards if its address is a file."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    directory = None
    try:
        if sys.platform == "linux":
            # An empty address asks the kernel for a free abstract one, unix(7) "Autobind": no file to clean
            # up.
            listener.bind("")
        else:
            directory = tempfile.TemporaryDirectory(prefix="turboapi-")
            listener.bind(os.path.join(directory.name, "s"))
        listener.listen(128)
    except BaseException:
        listener.close()
        if directory is not None:
            with suppress(OSError):
                directory.cleanup()
        raise
    return listener, directory
