"""The access log's content, as uvicorn writes it."""

from __future__ import annotations

import pytest

from .apps import Message, Receive, Send, body, reply, start
from .conftest import Serve
from .latch import Latch
from .wire import get, post


@pytest.mark.parametrize(
    ("target", "logged"),
    [
        (b"/", "/"),
        (b"/?", "/"),
        (b"/a?b=c&d=%20", "/a?b=c&d=%20"),
        (b"/caf%C3%A9", "/caf%C3%A9"),
        (b"/a%2fb%20c", "/a/b%20c"),
        (b"/%ff", "/%EF%BF%BD"),
        (b"/a;b,c:d@e!f'(g)*", "/a%3Bb%2Cc%3Ad%40e%21f%27%28g%29%2A"),
        (b"/~._-", "/~._-"),
        (b"/%0a%0dINFO", "/%0A%0DINFO"),
        (b"/%22", "/%22"),
    ],
)
def test_the_path_is_quoted_again(serve: Serve, target: bytes, logged: str) -> None:
    """`urllib.parse.quote(path)`, then the query as it came: no line can be forged."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send, status=404)

    server = serve(app)
    client = server.connect()
    client.send(get(target))
    assert client.read_response().status == 404
    host, port = client.name
    assert server.access_lines() == [f'{host}:{port} - "GET {logged} HTTP/1.1" 404']


@pytest.mark.parametrize(
    ("request_bytes", "line"),
    [
        (get(method=b"HEAD"), "HEAD / HTTP/1.1"),
        (post(b"x"), "POST / HTTP/1.1"),
        (b"GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0"),
    ],
)
def test_method_and_version(serve: Serve, request_bytes: bytes, line: str) -> None:
    """As they were sent."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send)

    server = serve(app)
    server.ask(request_bytes, method=line.split()[0].encode())
    [logged] = server.access_lines()
    assert logged.endswith(f' - "{line}" 200')


def test_root_path_is_part_of_it(serve: Serve) -> None:
    """The path as the scope has it."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send)

    server = serve(app, root_path="/api v1")
    server.get(b"/x")
    [logged] = server.access_lines()
    assert ' - "GET /api%20v1/x HTTP/1.1" 200' in logged


def test_a_failure_is_logged_with_its_500(serve: Serve) -> None:
    """Once; the server's own response counts."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        raise ValueError

    server = serve(app)
    server.get(b"/fail")
    [logged] = server.access_lines()
    assert logged.endswith(' - "GET /fail HTTP/1.1" 500')


def test_the_line_is_written_when_the_response_starts(serve: Serve) -> None:
    """A stream that runs for hours is in the log from its beginning."""
    go_on = Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(start())
        await go_on.reached()
        await send(body())

    server = serve(app)
    client = server.connect()
    client.send(get(b"/stream"))
    client.read_head()
    [logged] = server.access_lines()
    assert logged.endswith(' - "GET /stream HTTP/1.1" 200')
    go_on.set()


def test_the_client_is_the_forwarded_one(serve: Serve) -> None:
    """Behind a trusted proxy the line names who asked it."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send)

    server = serve(app)
    server.get(b"/", b"X-Forwarded-For: 1.2.3.4\r\n")
    [logged] = server.access_lines()
    assert logged == '1.2.3.4:0 - "GET / HTTP/1.1" 200'


@pytest.mark.parametrize("data", [b"", b"GET", b"nonsense\r\n\r\n"])
def test_what_is_no_request_is_not_logged(serve: Serve, data: bytes) -> None:
    """A probe that connects and goes, or one that sends something else: only the request after it is
    there."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send)

    server = serve(app)
    client = server.connect()
    client.send(data)
    client.close()
    server.get(b"/real")
    [logged] = server.access_lines()
    assert "/real" in logged


@pytest.mark.engine_only("the queue between the loop and the writer thread is the engine's")
def test_the_queue_ends_with_none(serve: Serve) -> None:
    """`take_access_log` hands out what is left after `close_access_log()`, then None."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send)

    server = serve(app)
    server.get(b"/last")

    async def close() -> None:
        server.http.close_access_log()

    server.on_loop(close)
    rows = server.http.take_access_log(1.0)
    assert [row[1:] for row in rows] == [("GET", "/last", "1.1", 200, None)]
    assert server.http.take_access_log(1.0) is None


@pytest.mark.engine_only("the switch is in uvicorn's Config")
def test_without_an_access_log_there_is_nothing_to_take(serve: Serve) -> None:
    """`--no-access-log` costs nothing."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send)

    server = serve(app, access_log=False)
    server.get()
    assert server.http.take_access_log(1.0) is None
