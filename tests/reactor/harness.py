"""Small servers and a small client for the tests of this folder."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import logging
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from turboapi._engine import HttpServer
from turboapi.loop import EventLoop, new_event_loop

#: Seconds that any one test may take.
DEADLINE = 30.0

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
T = TypeVar("T")


async def respond(send: Send, body: bytes | str = b"", status: int = 200) -> None:
    """A whole response with a length."""
    data = body.encode() if isinstance(body, str) else body
    headers = [(b"content-length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})


async def read_body(receive: Receive) -> bytes:
    """The whole request body."""
    body = b""
    while True:
        message = await receive()
        part: bytes = message.get("body", b"")
        body += part
        if not message.get("more_body", False):
            return body


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what nobody signals: the engine's counters, the state of other tasks."""
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


def listening_socket() -> socket.socket:
    """A TCP listener on a free port of the loopback interface."""
    return socket.create_server(("127.0.0.1", 0), backlog=1024)


def listen(loop: asyncio.AbstractEventLoop, app: Any) -> tuple[HttpServer, int]:
    """A server on a loop that need not run yet, and its port."""
    server = HttpServer(loop, app, access_log=False)
    listener = listening_socket()
    port = listener.getsockname()[1]
    server.listen(listener.detach())
    return server, port


@contextlib.contextmanager
def quiet_destruction() -> Iterator[None]:
    """asyncio logs "Task was destroyed but it is pending!" for what is left: that is right here."""
    logger = logging.getLogger("asyncio")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


@dataclass
class Response:
    """What a client got."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Connection:
    """One HTTP/1.1 connection on the running loop; just enough of a client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int) -> Connection:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def request(self, path: str = "/", body: bytes = b"") -> Response:
        self.send(path, body)
        return await self.response()

    def send(self, path: str = "/", body: bytes = b"") -> None:
        method = "POST" if body else "GET"
        head = f"{method} {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)

    async def response(self) -> Response:
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Response(int(lines[0].split()[1]), headers, body)

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    """A connection that is closed at the end."""
    connection = await Connection.open(port)
    try:
        yield connection
    finally:
        await connection.close()


async def fetch(port: int, path: str = "/", body: bytes = b"") -> Response:
    """One request on a connection of its own."""
    async with connected(port) as connection:
        return await connection.request(path, body)


@dataclass
class Serving:
    """A server on the running loop."""

    server: HttpServer
    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.asynccontextmanager
async def serving(app: App, **options: Any) -> AsyncIterator[Serving]:
    """Serve `app` on the running loop at a free port."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, EventLoop):
        pytest.skip("a server needs the engine's own loop")
    options = {"access_log": False, **options}
    server = HttpServer(loop, app, **options)
    listener = listening_socket()
    port = listener.getsockname()[1]
    server.listen(listener.detach())
    try:
        yield Serving(server, port)
    finally:
        server.drain()
        server.disconnect()
        server.close()
        async with asyncio.timeout(DEADLINE):
            await server.closed()


@dataclass
class ServerThread:
    """A server on an engine loop in a thread of its own."""

    app: App
    options: dict[str, Any] = field(default_factory=dict)

    def __init__(self, app: App, **options: Any) -> None:
        self.app = app
        self.options = options
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._main, daemon=True)
        self._thread.start()
        if not self._ready.wait(DEADLINE):
            raise TimeoutError("the server did not start")
        if self._failure is not None:
            raise self._failure

    def _main(self) -> None:
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(self._serve())
        except BaseException as error:
            self._failure = error
            raise
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        async with serving(self.app, **self.options) as here:
            self.server, self.port = here.server, here.port
            self._ready.set()
            await self._stopping.wait()

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine on the server's loop."""
        return asyncio.run_coroutine_threadsafe(main, self.loop).result(DEADLINE)

    def get(self, path: str = "/") -> bytes:
        """The body of one response; any other status than 200 is an error."""
        with contextlib.closing(self.connect()) as connection:
            return get(connection, path)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)

    def stop(self) -> None:
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive(), "the server does not stop"


def get(connection: http.client.HTTPConnection, path: str = "/") -> bytes:
    """The body of one response on a kept connection."""
    connection.request("GET", path)
    response = connection.getresponse()
    body = response.read()
    assert response.status == 200, (response.status, body)
    return body
