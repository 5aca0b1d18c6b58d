"""The end of a WebSocket, from either side (traps 6, 7 and 9)."""

from __future__ import annotations

import asyncio

import pytest

from .apps import Message, Receive, Send
from .conftest import Serve
from .latch import Latch
from .websocket import PING, PONG, TEXT, Frame, WebSocket, accept, collecting, echo, handshake


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (1000, b"bye", {"code": 1000, "reason": "bye"}),
        (1001, b"", {"code": 1001, "reason": ""}),
        (4321, "grüß".encode(), {"code": 4321, "reason": "grüß"}),
        (None, b"", {"code": 1005, "reason": ""}),
    ],
)
def test_trap09_the_clients_close_is_told_with_code_and_reason(
    serve: Serve, code: int | None, reason: bytes, expected: Message
) -> None:
    """uvicorn#2324: and it is echoed, then the connection ends."""
    ended = Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        seen.append(await receive())
        ended.set()

    client = WebSocket(serve(app))
    client.send_close(code, reason)
    frame = client.read_close()
    assert frame.code == (1005 if code is None else code)
    assert client.ends
    ended.wait()
    assert seen == [{"type": "websocket.disconnect", **expected}]


@pytest.mark.parametrize("how", ["close", "reset"])
def test_trap09_a_connection_that_is_lost_is_a_disconnect(serve: Serve, how: str) -> None:
    """Without a closing handshake: 1005, as uvicorn's sans-I/O implementation tells it, and no reason."""
    ended = Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        seen.append(await receive())
        ended.set()

    server = serve(app)
    client = WebSocket(server)
    (client.connection.close if how == "close" else client.connection.reset)()
    ended.wait()
    assert seen == [{"type": "websocket.disconnect", "code": 1005}]
    server.barrier()
    assert server.errors == []


def test_trap09_what_came_before_the_close_is_told_first(serve: Serve) -> None:
    """The queue is not dropped when the connection ends."""
    go_on, ended = Latch(), Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        await go_on.reached()
        while not seen or seen[-1]["type"] != "websocket.disconnect":
            seen.append(await receive())
        ended.set()

    server = serve(app)
    client = WebSocket(server)
    client.send(TEXT, b"one")
    client.send(TEXT, b"two")
    client.send_close(1000)
    client.connection.send_half_close()
    server.barrier()
    go_on.set()
    ended.wait()
    assert [message.get("text") for message in seen] == ["one", "two", None]
    assert seen[-1]["code"] == 1000


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        ({}, 1000, ""),
        ({"code": 1001}, 1001, ""),
        ({"code": 4000, "reason": "enough"}, 4000, "enough"),
        ({"reason": None}, 1000, ""),
    ],
    ids=repr,
)
def test_trap06_the_apps_close_is_told_back_to_it(
    serve: Serve, message: Message, code: int, reason: str
) -> None:
    """granian#798: after `websocket.close` the app's `receive` gives `websocket.disconnect` with the same
    code."""
    ended = Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        await send({"type": "websocket.close", **message})
        seen.append(await receive())
        ended.set()

    client = WebSocket(serve(app))
    frame = client.read_close()
    assert (frame.code, frame.reason) == (code, reason)
    client.send_close(code)
    assert client.ends
    ended.wait()
    assert seen == [{"type": "websocket.disconnect", "code": code, "reason": reason}]


def test_trap06_a_receive_that_waits_while_another_task_closes(serve: Serve) -> None:
    """One task reads, another one closes: the reader must not wait for ever."""
    ended = Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        reader = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await send({"type": "websocket.close", "code": 4001})
        seen.append(await reader)
        ended.set()

    client = WebSocket(serve(app))
    assert client.read_close().code == 4001
    ended.wait()
    assert seen == [{"type": "websocket.disconnect", "code": 4001, "reason": ""}]


@pytest.mark.parametrize("who", ["client", "client-lost", "app"])
def test_trap07_receive_after_the_disconnect_does_not_block(serve: Serve, who: str) -> None:
    """granian#819: an app that asks again is told again."""
    if (serve.kind, who) == ("uvicorn", "client-lost"):
        pytest.skip("uvicorn has one message for a lost connection")
    ended = Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        if who == "app":
            await send({"type": "websocket.close"})
        seen.append(await receive())
        seen.append(await receive())
        ended.set()

    client = WebSocket(serve(app))
    if who == "client-lost":
        client.connection.reset()
    else:
        client.send_close(1000)
    ended.wait()
    assert [message["type"] for message in seen] == ["websocket.disconnect"] * 2


@pytest.mark.engine_only("uvicorn's sans-I/O implementation closes the transport without a close frame")
@pytest.mark.parametrize(("how", "code"), [("return", 1000), ("raise", 1011)])
def test_trap09_an_app_that_ends_without_closing(serve: Serve, how: str, code: int) -> None:
    """uvicorn#2769, #1816: the client gets a close frame, 1000 or 1011 (RFC 6455 section 7.4.1)."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        if how == "raise":
            raise ValueError

    server = serve(app)
    client = WebSocket(server)
    assert client.read_close().code == code
    client.send_close(code)
    assert client.ends
    assert server.error_texts == (["Exception in ASGI application\n"] if how == "raise" else [])


def test_trap09_what_was_sent_before_the_end_arrives(serve: Serve) -> None:
    """The app sends a lot and returns at once."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        for number in range(100):
            await send({"type": "websocket.send", "bytes": bytes([number]) * 10_000})

    client = WebSocket(serve(app))
    for number in range(100):
        assert client.read().payload == bytes([number]) * 10_000


def test_trap06_sending_after_closing_is_an_error(serve: Serve) -> None:
    """RuntimeError, in uvicorn's words."""
    ended = Latch()
    raised: list[BaseException] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        await send({"type": "websocket.close"})
        for message in ({"type": "websocket.send", "text": "x"}, {"type": "websocket.close"}):
            try:
                await send(message)
            except RuntimeError as error:
                raised.append(error)
        ended.set()

    client = WebSocket(serve(app))
    client.read_close()
    ended.wait()
    assert [str(error) for error in raised] == [
        "Unexpected ASGI message 'websocket.send', after sending 'websocket.close'.",
        "Unexpected ASGI message 'websocket.close', after sending 'websocket.close'.",
    ]


def test_trap06_messages_of_a_client_that_has_not_seen_the_close_are_dropped(serve: Serve) -> None:
    """The app is past it: it gets the disconnect, and the client's reply still ends the handshake in
    order."""
    ended = Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        await send({"type": "websocket.close", "code": 1001})
        seen.append(await receive())
        ended.set()

    client = WebSocket(serve(app))
    for _ in range(10):
        client.send(TEXT, b"late")
    assert client.read_close().code == 1001
    client.send_close(1001)
    assert client.ends
    ended.wait()
    assert seen[0]["type"] == "websocket.disconnect"


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 5000, 70000, -1])
@pytest.mark.engine_only("websockets raises ProtocolError for some, struct.error for others")
def test_trap09_a_close_code_that_must_not_be_sent(serve: Serve, code: int) -> None:
    """RFC 6455 section 7.4: an error of the app, never a frame that the client has to call a violation."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        await send({"type": "websocket.close", "code": code})

    server = serve(app)
    client = WebSocket(server)
    frame = client.read_close()
    assert frame.code in (1000, 1011)
    assert server.error_texts == ["Exception in ASGI application\n"]


@pytest.mark.engine_only("uvicorn's shutdown() is called by its Server")
@pytest.mark.parametrize("reads", [True, False])
def test_trap09_at_shutdown_open_websockets_get_1012(serve: Serve, reads: bool) -> None:
    """uvicorn#1816: a close frame with "service restart", `websocket.disconnect` for the app, and no hang."""
    open_, ended = Latch(), Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        open_.set()
        while not seen or seen[-1]["type"] != "websocket.disconnect":
            seen.append(await receive())
        ended.set()

    server = serve(app)
    client = WebSocket(server)
    open_.wait()
    if not reads:
        client.send(TEXT, b"in between")

    async def drain() -> None:
        server.http.drain()

    async def closed() -> None:
        await server.http.closed()

    server.on_loop(drain)
    assert client.read_close().code == 1012
    assert client.ends
    ended.wait()
    assert (seen[-1]["type"], seen[-1]["code"]) == ("websocket.disconnect", 1012)
    server.on_loop(closed)
    assert server.errors == []


@pytest.mark.engine_only("uvicorn's shutdown() is called by its Server")
def test_trap09_at_shutdown_a_handshake_in_progress_is_answered_500(serve: Serve) -> None:
    """The app has not decided: the client gets an answer, the app a disconnect."""
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

    async def stop() -> None:
        server.http.drain()
        await server.http.closed()

    stopping = server.start_on_loop(stop)
    assert client.read_response().status == 500
    assert client.is_closed_by_peer
    ended.wait()
    stopping.result(10)
    assert seen[0]["type"] == "websocket.disconnect"


@pytest.mark.engine_only("the phases are methods of HttpServer")
def test_close_drops_websockets(serve: Serve) -> None:
    """After the grace period the task is cancelled, as uvicorn cancels it; no client holds it up."""
    waiting = Latch()
    seen: list[BaseException] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        waiting.set()
        try:
            await receive()
        except asyncio.CancelledError as error:
            seen.append(error)
            raise

    server = serve(app)
    client = WebSocket(server)
    waiting.wait()

    async def stop() -> None:
        server.http.close()
        await server.http.closed()

    server.on_loop(stop)
    client.connection.read_to_end()
    assert len(seen) == 1
    assert server.error_texts == ["Exception in ASGI application\n"]


def test_keepalive_pings_go_out_and_are_told_to_nobody(serve: Serve) -> None:
    """`ws_ping_interval`: a ping after it, the next one after the pong; the app sees none of it."""
    seen: list[Message] = []
    client = WebSocket(serve(collecting(seen), ws_ping_interval=0.05, ws_ping_timeout=5.0))
    payloads = set()
    for _ in range(3):
        frame = client.read()
        assert frame.opcode == PING
        payloads.add(frame.payload)
        client.send(PONG, frame.payload)
    assert len(payloads) == 3
    assert seen == []


def test_a_client_that_does_not_answer_pings_is_dropped(serve: Serve) -> None:
    """`ws_ping_timeout`: 1011, as uvicorn closes; a pong with another payload does not count."""
    ended = Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        seen.append(await receive())
        ended.set()

    client = WebSocket(serve(app, ws_ping_interval=0.05, ws_ping_timeout=0.05))
    assert client.read().opcode == PING
    client.send(PONG, b"something else")
    frame = client.read_close()
    assert (frame.code, frame.reason) == (1011, "keepalive ping timeout")
    ended.wait()
    assert seen[0]["type"] == "websocket.disconnect"


def test_pings_can_be_switched_off(serve: Serve) -> None:
    """`ws_ping_interval=None`: proof is another server's ping that came meanwhile."""
    silent = WebSocket(serve(echo, ws_ping_interval=None))
    pinging = WebSocket(serve(echo, ws_ping_interval=0.05, ws_ping_timeout=5.0))
    assert pinging.read().opcode == PING
    assert not silent.connection.has_unread()
    silent.send(TEXT, b"x")
    assert silent.read() == Frame(TEXT, b"x")


def test_trap05_closing_after_the_client_has_closed_is_silent(serve: Serve) -> None:
    """`finally: await websocket.close()` is in many endpoints: uvicorn ignores it then, and Starlette would
    turn an OSError into a WebSocketDisconnect that nobody catches."""
    ended = Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        seen.append(await receive())
        await send({"type": "websocket.close"})
        ended.set()

    server = serve(app)
    client = WebSocket(server)
    client.send_close(1001)
    assert client.read_close().code == 1001
    assert client.ends
    ended.wait()
    assert seen == [{"type": "websocket.disconnect", "code": 1001, "reason": ""}]
    assert server.errors == []
