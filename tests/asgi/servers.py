"""The two servers under test, each on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from email.utils import formatdate
from types import TracebackType
from typing import Any, ClassVar, TypeVar

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from turboapi import loop as turbo_loop
from turboapi._engine import HttpServer

from .apps import App
from .latch import PATIENCE, Latch
from .wire import Connection, Response, get

T = TypeVar("T")

LAYERS: dict[str, Any] = json.loads(os.environ.get("TEST_ENGINE_LAYERS", "{}"))
"""Layers of the engine to run all tests behind, as `HttpServer(layers=...)` takes them."""


class Records(logging.Handler):
    """Keeps the records that a logger was given."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.records.append(record)


class Server:
    """An app being served. `options` are named as `HttpServer` names them."""

    kind: ClassVar[str]

    def __init__(
        self, app: App, bound: socket.socket, errors: Records, access: Records, **options: Any
    ) -> None:
        self.app, self.options = app, options
        self.loop_errors: list[dict[str, Any]] = []
        self.unfinished = False
        self._connections: list[Connection] = []
        self._socket = bound
        self._family = bound.family
        self.address = bound.getsockname()
        self._errors, self._access = errors, access
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._stopping = Latch()
        self._failure: BaseException | None = None
        # A daemon: a loop that hangs must not keep the interpreter.
        self._thread = threading.Thread(target=self._run, name=f"{self.kind}-under-test", daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        if self._failure is not None:
            self.stop()

    # What tests use.

    def connect(self, *, receive_buffer: int | None = None) -> Connection:
        """A new connection; `receive_buffer` bounds what the kernel takes for a client that does not read."""
        client = socket.socket(self._family, socket.SOCK_STREAM)
        client.settimeout(PATIENCE)
        if receive_buffer is not None:
            # Before connecting: the window is negotiated then.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection = Connection(client)
        self._connections.append(connection)
        client.connect(self.address)
        return connection

    def ask(self, request: bytes, *, method: bytes = b"GET") -> Response:
        """One request on a connection of its own."""
        connection = self.connect()
        try:
            connection.send(request)
            return connection.read_response(method=method)
        finally:
            connection.close()

    def get(self, target: bytes = b"/", headers: bytes = b"") -> Response:
        """One GET on a connection of its own."""
        return self.ask(get(target, headers))

    def barrier(self) -> None:
        """Return when the server has dealt with all bytes and FINs that reached it before.

        On the loopback interface what was written is readable at once, and each turn of the loop looks at all
        sockets; the few more turns let the tasks run that this woke.
        """
        self.on_loop(_turns)

    def on_loop(self, function: Callable[[], Awaitable[T]]) -> T:
        """Run a coroutine function on the server's loop and return its result."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(_as_coroutine(function), self._loop).result(PATIENCE)

    def start_on_loop(self, function: Callable[[], Awaitable[T]]) -> Future[T]:
        """Like `on_loop`, without waiting."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(_as_coroutine(function), self._loop)

    @property
    def errors(self) -> list[logging.LogRecord]:
        """What the server logged to `uvicorn.error` with level WARNING or above."""
        return [record for record in self._errors.records if record.levelno >= logging.WARNING]

    @property
    def infos(self) -> list[str]:
        """What the server logged to `uvicorn.error` below WARNING."""
        return [record.getMessage() for record in self._errors.records if record.levelno < logging.WARNING]

    @property
    def error_texts(self) -> list[str]:
        """The messages of `errors`."""
        return [record.getMessage() for record in self.errors]

    def forget_errors(self) -> None:
        """Drop the records, and with them the exceptions they hold."""
        self._errors.records.clear()

    def access_lines(self) -> list[str]:
        """The access log since the last call."""
        lines = [record.getMessage() for record in self._access.records]
        self._access.records.clear()
        return lines

    # The life of it.

    def end(self) -> None:
        """End the server and its loop."""
        self._stopping.set()
        self._thread.join(2 * PATIENCE)
        self._socket.close()

    def stop(self) -> None:
        """End everything; raise what went wrong meanwhile."""
        self.end()
        for connection in self._connections:
            connection.close()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        assert not self._thread.is_alive(), "the loop does not end"
        assert not self.unfinished, "connections or requests are left after close() and cancel()"
        assert not self.loop_errors, self.loop_errors

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        if kind is None:
            self.stop()
        else:
            with contextlib.suppress(Exception):
                self.stop()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=self._new_loop) as runner:
                runner.run(self._main())
        except BaseException as failure:
            self._failure = failure
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(lambda _, context: self.loop_errors.append(context))
        try:
            await self._open()
            self._ready.set()
            await self._stopping.reached()
        finally:
            await self._close()

    def _new_loop(self) -> asyncio.AbstractEventLoop:
        raise NotImplementedError

    async def _open(self) -> None:
        raise NotImplementedError

    async def _close(self) -> None:
        raise NotImplementedError


class Engine(Server):
    """Our `HttpServer` on our loop."""

    kind = "engine"
    http: HttpServer

    def _new_loop(self) -> asyncio.AbstractEventLoop:
        return turbo_loop.new_event_loop()

    async def _open(self) -> None:
        options = {"layers": LAYERS} | self.options
        self.http = HttpServer(asyncio.get_running_loop(), self.app, **options)
        self.http.listen(os.dup(self._socket.fileno()))
        # The engine's own handle has to be the last one, or a closed listener would still queue connections.
        self._socket.close()

    async def _close(self) -> None:
        self.http.close()
        closed = self.http.closed()
        await _cancel_others()
        await asyncio.wait([closed], timeout=PATIENCE / 2)
        self.unfinished = not closed.done()
        self.http.close_access_log()

    def access_lines(self) -> list[str]:
        """The access log since the last call, as uvicorn formats it."""
        rows = self.http.take_access_log(PATIENCE) or []
        return [" ".join(filter(None, ['{} - "{} {} HTTP/{}" {}'.format(*row[:5]), row[5]])) for row in rows]


class Uvicorn(Server):
    """uvicorn's protocols (httptools, websockets-sansio) on an asyncio loop."""

    kind = "uvicorn"

    def _new_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.new_event_loop()

    async def _open(self) -> None:
        options = dict(self.options)
        state: dict[str, Any] = options.pop("state", {})
        config = uvicorn.Config(
            self.app,
            http="httptools",
            ws="websockets-sansio",
            interface="asgi3",
            lifespan="off",
            log_config=None,
            **options,
        )
        config.load()
        self._state = ServerState()
        self._state.default_headers = [
            (b"date", formatdate(usegmt=True).encode()),
            (b"server", b"uvicorn"),
            *options.get("headers", []),
        ]
        self._server = await asyncio.get_running_loop().create_server(
            lambda: HttpToolsProtocol(config=config, server_state=self._state, app_state=state),
            sock=self._socket,
        )

    async def _close(self) -> None:
        self._server.close()
        for protocol in list(self._state.connections):
            protocol.transport.abort()
        await _cancel_others()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=PATIENCE / 2)


async def _turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def _as_coroutine(function: Callable[[], Awaitable[T]]) -> T:
    return await function()
