"""A client that goes while a plan makes its calls: the stream that it asked for ends all the same."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from tests.plans.served import served


class Stream:
    """An app whose endpoint waits before it streams for ever."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.entered, self.ended = threading.Event(), threading.Event()
        self.app.get("/stream")(self.stream)
        self.app.get("/")(self.root)
        self.gate: asyncio.Event | None = None
        self.loop: asyncio.AbstractEventLoop | None = None

    def begin(self) -> None:
        """Let the endpoint go on; called on the test's thread."""
        assert self.gate is not None
        assert self.loop is not None
        self.loop.call_soon_threadsafe(self.gate.set)

    async def root(self) -> str:
        return "root"

    async def stream(self) -> StreamingResponse:
        self.gate, self.loop = asyncio.Event(), asyncio.get_running_loop()
        self.entered.set()
        await self.gate.wait()
        return StreamingResponse(self.chunks(), media_type="text/plain")

    async def chunks(self) -> AsyncIterator[str]:
        try:
            yield "first"
            await asyncio.Event().wait()
        finally:
            self.ended.set()


def connect(host: str | None, port: int | None) -> socket.socket:
    assert host is not None
    assert port is not None
    connection = socket.create_connection((host, port), timeout=30)
    connection.sendall(b"GET /stream HTTP/1.1\r\nhost: test\r\n\r\n")
    return connection


def receive_first(connection: socket.socket) -> None:
    received = b""
    while b"first" not in received:
        chunk = connection.recv(4096)
        assert chunk, received
        received += chunk


def test_a_client_that_goes_before_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    stream = Stream()
    with caplog.at_level(logging.INFO, logger="uvicorn.error"), served(stream.app) as client:
        connection = connect(client.base_url.host, client.base_url.port)
        assert stream.entered.wait(10)
        connection.close()
        # An answer on another connection: by then the loop has seen the end of this one.
        assert client.get("/").json() == client.get("/").json() == "root"
        stream.begin()
        # Whether the generator has begun is a matter of luck: it ends with the task, or never was.
    assert "Exception in ASGI application" not in caplog.text
    assert "Cancel" not in caplog.text


def test_a_client_that_goes_during_the_stream() -> None:
    stream = Stream()
    with served(stream.app) as client:
        connection = connect(client.base_url.host, client.base_url.port)
        assert stream.entered.wait(10)
        stream.begin()
        receive_first(connection)
        connection.close()
        assert stream.ended.wait(10)


def test_a_server_that_stops_during_the_stream(caplog: pytest.LogCaptureFixture) -> None:
    stream = Stream()
    with (
        caplog.at_level(logging.INFO, logger="uvicorn.error"),
        served(stream.app, timeout_graceful_shutdown=0) as client,
    ):
        connection = connect(client.base_url.host, client.base_url.port)
        assert stream.entered.wait(10)
        stream.begin()
        receive_first(connection)
    connection.close()
    assert stream.ended.is_set()
    assert "Exception in ASGI application" not in caplog.text
