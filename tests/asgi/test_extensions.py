"""ASGI extensions (trap 19): what is not offered must not be used."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from .apps import Message, Receive, Send, reply
from .conftest import Serve
from .latch import Latch
from .wire import get


def test_trap19_no_extensions_are_offered_for_http(serve: Serve) -> None:
    """uvicorn's scope has no `extensions`; a key would make Starlette send messages of their kinds."""
    scopes: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await reply(send)

    serve(app).get()
    assert "extensions" not in scopes[0]


@pytest.mark.parametrize("middleware", [False, True])
def test_trap19_files_are_sent_as_a_body(serve: Serve, tmp_path: Path, middleware: bool) -> None:
    """granian#347: with `pathsend` offered by the wrong party a 500 was logged behind BaseHTTPMiddleware."""
    content = bytes(range(256)) * 1000
    path = tmp_path / "file.bin"
    path.write_bytes(content)

    ended = [Latch(), Latch()]
    remaining = iter(ended)

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await FileResponse(path)(scope, receive, send)
        next(remaining).set()

    async def passing(request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)

    server = serve(BaseHTTPMiddleware(app, passing) if middleware else app)
    client = server.connect()
    for request_ended in ended:
        client.send(get())
        response = client.read_response()
        assert (response.status, response.body) == (200, content)
        # The file is closed after the last byte.
        request_ended.wait()
        assert response.values(b"content-length") == [str(len(content)).encode()]
    assert server.errors == []
    assert server.access_lines() == [f'127.0.0.1:{client.name[1]} - "GET / HTTP/1.1" 200'] * 2


@pytest.mark.parametrize(
    "extension",
    ["http.response.pathsend", "http.response.debug", "http.response.early_hint", "http.response.push"],
)
def test_trap19_a_message_of_an_extension_is_refused(serve: Serve, extension: str) -> None:
    """An app that sends it all the same gets a RuntimeError and its client a 500, once."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": extension, "path": "/etc/passwd", "info": {}, "links": []})

    server = serve(app)
    assert server.get().status == 500
    [record] = server.errors
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], RuntimeError)
    assert str(record.exc_info[1]) == f"Expected ASGI message 'http.response.start', but got '{extension}'."
