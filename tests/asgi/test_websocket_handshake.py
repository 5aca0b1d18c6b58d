"""Opening a WebSocket, or refusing it (traps 7, 8, 9, 28)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from .apps import Message, Receive, Send, ok, reply
from .conftest import Serve
from .latch import Latch
from .websocket import TEXT, WebSocket, accept, echo, encode, handshake
from .wire import get


def test_trap08_the_whole_scope_is_uvicorns(serve: Serve) -> None:
    """No `method` (granian#420), spec_version 2.4 (so `send` raises OSError), the denial extension, state
    copied."""
    scopes: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await echo(scope, receive, send)

    server = serve(app, root_path="/root", state={"a": 1})
    client = WebSocket(
        server, b"/p%41th?q=%20", b"Sec-WebSocket-Protocol: one, two\r\nX-Odd: v\r\nX-Odd: w\r\n"
    )
    [scope] = scopes
    expected = {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "ws",
        "server": server.address,
        "client": client.connection.name,
        "root_path": "/root",
        "path": "/root/pAth",
        "raw_path": b"/root/p%41th",
        "query_string": b"q=%20",
        "headers": [
            (b"host", b"test"),
            (b"connection", b"Upgrade"),
            (b"upgrade", b"websocket"),
            (b"sec-websocket-version", b"13"),
            (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
            (b"sec-websocket-protocol", b"one, two"),
            (b"x-odd", b"v"),
            (b"x-odd", b"w"),
        ],
        "subprotocols": ["one", "two"],
        "state": {"a": 1},
        "extensions": {"websocket.http.response": {}},
    }
    assert scope == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (b"", []),
        (b"Sec-WebSocket-Protocol: one\r\n", ["one"]),
        (b"Sec-WebSocket-Protocol: one,two ,  three\r\n", ["one", "two", "three"]),
        (b"Sec-WebSocket-Protocol: one\r\nSec-WebSocket-Protocol: two, three\r\n", ["one", "two", "three"]),
    ],
)
def test_trap08_subprotocols_are_split(serve: Serve, headers: bytes, expected: list[str]) -> None:
    """uvicorn#3019, granian#817: comma-separated, over several fields, in the client's order."""
    scopes: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await echo(scope, receive, send)

    WebSocket(serve(app), headers=headers)
    assert scopes[0]["subprotocols"] == expected


@pytest.mark.parametrize(
    ("message", "chosen"),
    [
        ({}, []),
        ({"subprotocol": None}, []),
        ({"subprotocol": "two"}, [b"two"]),
    ],
    ids=["absent", "none", "chosen"],
)
def test_trap08_the_accepted_subprotocol(serve: Serve, message: dict[str, Any], chosen: list[bytes]) -> None:
    """granian#258: None is the same as leaving it out."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept", **message})
        await receive()

    client = WebSocket(serve(app), headers=b"Sec-WebSocket-Protocol: one, two\r\n")
    assert client.response.values(b"sec-websocket-protocol") == chosen


def test_the_accept_key_is_the_specifications(serve: Serve) -> None:
    """The example of RFC 6455 section 1.3, and the upgrade fields of section 4.2.2."""
    response = WebSocket(serve(echo)).response
    assert response.values(b"sec-websocket-accept") == [b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]
    assert [value.lower() for value in response.values(b"upgrade")] == [b"websocket"]
    assert [value.lower() for value in response.values(b"connection")] == [b"upgrade"]
    assert response.values(b"content-length") == []
    assert response.values(b"transfer-encoding") == []


def test_headers_of_the_accept_message(serve: Serve) -> None:
    """Any iterable, duplicates kept."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        pairs = [(b"X-One", b"1"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
        await send({"type": "websocket.accept", "headers": (pair for pair in pairs)})
        await receive()

    response = WebSocket(serve(app)).response
    assert response.values(b"x-one") == [b"1"]
    assert response.values(b"set-cookie") == [b"a=1", b"b=2"]


@pytest.mark.engine_only("websockets checks them in its own words")
@pytest.mark.parametrize("field", [(b"x-a", b"a\r\nb: 1"), (b"x a", b"1"), (b"x-a", b"\0")], ids=repr)
def test_trap11_bad_headers_in_the_accept_message(serve: Serve, field: tuple[bytes, bytes]) -> None:
    """RuntimeError in `send`; the handshake fails with a 500 and nothing is injected."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept", "headers": [field]})

    server = serve(app)
    assert server.ask(handshake()).status == 500
    [record] = server.errors
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], RuntimeError)


def test_trap07_receive_tells_connect_first_and_only_once(serve: Serve) -> None:
    """The next message is the client's."""
    ended = Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        seen.append(await receive())
        await send({"type": "websocket.accept"})
        seen.append(await receive())
        ended.set()

    client = WebSocket(serve(app))
    client.send(TEXT, b"hello")
    ended.wait()
    assert seen == [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "hello"}]


@pytest.mark.parametrize("how", ["close", "reset"])
def test_trap07_a_client_that_goes_before_accept(serve: Serve, how: str) -> None:
    """granian#835: `websocket.disconnect`, not an exception; 1006, as there was no closing handshake."""
    connected, ended = Latch(), Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        connected.set()
        seen.append(await receive())
        ended.set()

    server = serve(app)
    client = server.connect()
    client.send(handshake())
    connected.wait()
    (client.close if how == "close" else client.reset)()
    ended.wait()
    assert seen == [{"type": "websocket.disconnect", "code": 1006}]
    server.barrier()


def test_trap07_accept_after_the_client_has_gone(serve: Serve) -> None:
    """spec_version 2.4: `send` raises an OSError, and swallowing it is the server's business (trap 5)."""
    connected, ended = Latch(), Latch()
    raised: list[BaseException] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        connected.set()
        await receive()
        try:
            await send({"type": "websocket.accept"})
        except OSError as error:
            raised.append(error)
            raise
        finally:
            ended.set()

    server = serve(app)
    client = server.connect()
    client.send(handshake())
    connected.wait()
    client.close()
    ended.wait()
    server.barrier()
    assert [isinstance(error, OSError) for error in raised] == [True]
    assert server.errors == []


def test_trap09_a_close_before_accept_is_a_403(serve: Serve) -> None:
    """uvicorn#1916; granian#819: and the app's `receive` does not block for ever afterwards."""
    ended = Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.close", "code": 4000, "reason": "no"})
        seen.append(await receive())
        ended.set()

    server = serve(app)
    client = server.connect()
    client.send(handshake())
    response = client.read_response()
    assert (response.status, response.body) == (403, b"")
    assert client.is_closed_by_peer
    ended.wait()
    assert seen == [{"type": "websocket.disconnect", "code": 1006}]
    host, port = client.name
    assert server.infos[0] == f'{host}:{port} - "WebSocket /" 403'


def test_trap09_the_denial_response(serve: Serve) -> None:
    """The `websocket.http.response` extension: status, headers and body of the app, in several parts."""
    ended = Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        headers = [(b"x-reason", b"many"), (b"content-type", b"application/json")]
        await send({"type": "websocket.http.response.start", "status": 429, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": b"too ", "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"many"})
        seen.append(await receive())
        ended.set()

    server = serve(app)
    client = server.connect()
    client.send(handshake())
    response = client.read_response()
    assert (response.status, response.body) == (429, b"too many")
    assert response.values(b"x-reason") == [b"many"]
    assert response.values(b"content-type") == [b"application/json"]
    assert response.values(b"content-length") == [b"8"]
    assert client.is_closed_by_peer
    ended.wait()
    assert seen == [{"type": "websocket.disconnect", "code": 1006}]
    # uvicorn's sans-I/O implementation logs that the handshake was not completed, although the response was.
    assert serve.kind == "uvicorn" or server.errors == []


@pytest.mark.parametrize("how", ["return", "raise"])
def test_trap09_an_app_that_does_not_decide(serve: Serve, how: str) -> None:
    """500, and the log says why."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        if how == "raise":
            raise ValueError

    server = serve(app)
    client = server.connect()
    client.send(handshake())
    response = client.read_response()
    assert (response.status, response.body) == (500, b"Internal Server Error")
    assert client.is_closed_by_peer
    assert server.error_texts == [
        "Exception in ASGI application\n"
        if how == "raise"
        else "ASGI callable returned without completing handshake."
    ]


@pytest.mark.parametrize("message_type", ["websocket.send", "http.response.start", "nonsense"])
def test_trap09_messages_before_accept(serve: Serve, message_type: str) -> None:
    """RuntimeError, in uvicorn's words."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": message_type, "status": 200})

    server = serve(app)
    assert server.ask(handshake()).status == 500
    [record] = server.errors
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == (
        "Expected ASGI message 'websocket.accept', 'websocket.close' or 'websocket.http.response.start' "
        f"but got '{message_type}'."
    )


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (handshake().replace(b"Version: 13", b"Version: 12"), 426),
        (handshake().replace(b"Sec-WebSocket-Version: 13\r\n", b""), 400),
        (handshake().replace(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b""), 400),
        (handshake().replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short"), 400),
    ],
    ids=["version-12", "no-version", "no-key", "short-key"],
)
def test_a_faulty_handshake_never_reaches_the_app(serve: Serve, request_bytes: bytes, status: int) -> None:
    """RFC 6455 section 4.2.1."""
    calls: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        calls.append(scope)

    client = serve(app).connect()
    client.send(request_bytes)
    response = client.read_response()
    assert response.status in (status, 400)
    assert client.is_closed_by_peer
    assert calls == []


def test_trap28_without_the_connection_token_it_is_plain_http(serve: Serve) -> None:
    """uvicorn#2360: `Upgrade` alone asks for nothing."""
    request = handshake().replace(b"Connection: Upgrade\r\n", b"")
    response = serve(ok).ask(request)
    assert (response.status, response.body) == (200, b"ok")


@pytest.mark.engine_only("uvicorn has ws='none' in its Config")
def test_trap28_switched_off_the_request_is_plain_http(serve: Serve) -> None:
    """`--ws none`."""
    response = serve(ok, ws=False).ask(handshake())
    assert (response.status, response.body) == (200, b"ok")


def test_a_websocket_after_plain_requests_on_one_connection(serve: Serve) -> None:
    """A connection may be upgraded after it has served requests."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await reply(send)
        else:
            await echo(scope, receive, send)

    client = serve(app).connect()
    client.send(get())
    assert client.read_response().body == b"ok"
    client.send(handshake())
    assert client.read_head().status == 101


def test_frames_that_come_with_the_handshake_are_not_lost(serve: Serve) -> None:
    """A client need not wait for the 101 with what it sends... the bytes are in the HTTP parser's buffer
    then."""
    accepted = Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        accepted.set()
        seen.append(await receive())
        await send({"type": "websocket.send", "text": "got it"})

    server = serve(app)
    client = server.connect()
    client.send(handshake())
    accepted.wait()
    client.send(encode(TEXT, b"early"))
    assert client.read_head().status == 101
    assert client.read_exactly(8) == b"\x81\x06got it"
    assert seen == [{"type": "websocket.receive", "text": "early"}]


def test_the_accept_is_on_the_wire_before_the_first_message(serve: Serve) -> None:
    """`accept` and `send` in one turn."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        await send({"type": "websocket.send", "text": "first"})
        await send({"type": "websocket.send", "bytes": b"second"})
        await receive()

    client = WebSocket(serve(app))
    assert client.read().payload == b"first"
    assert client.read().payload == b"second"


def test_handshakes_are_logged_as_uvicorn_logs_them(serve: Serve) -> None:
    """To `uvicorn.error`, level INFO; not in the access log."""
    server = serve(echo)
    client = WebSocket(server, b"/chat%20room?x=1")
    host, port = client.connection.name
    assert server.infos[0] == f'{host}:{port} - "WebSocket /chat%20room?x=1" [accepted]'


def test_trap12_invalid_utf8_in_the_path(serve: Serve) -> None:
    """As with HTTP."""
    scopes: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await echo(scope, receive, send)

    WebSocket(serve(app), b"/%ff")
    assert (scopes[0]["path"], scopes[0]["raw_path"]) == ("/�", b"/%ff")


@pytest.mark.engine_only("uvicorn does not check limit_concurrency for a handshake it has begun")
def test_the_task_is_counted(serve: Serve) -> None:
    """`requests_in_flight` has WebSockets in it."""
    server = serve(echo)
    WebSocket(server)

    async def count() -> int:
        await asyncio.sleep(0)
        return int(server.http.requests_in_flight)

    assert server.on_loop(count) == 1
