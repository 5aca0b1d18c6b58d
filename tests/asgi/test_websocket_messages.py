"""Messages of an open WebSocket (RFC 6455 sections 5 to 8)."""

from __future__ import annotations

from typing import Any

import pytest

from .apps import Message, Receive, Send
from .conftest import Serve
from .latch import Latch
from .websocket import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    WebSocket,
    accept,
    collecting,
    echo,
    encode,
)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 1_000_000])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_messages_of_every_length_form_come_back(serve: Serve, opcode: int, size: int) -> None:
    """7, 16 and 64 bit lengths in both directions."""
    client = WebSocket(serve(echo))
    client.send(opcode, b"x" * size)
    assert client.read() == Frame(opcode, b"x" * size)


def test_text_is_str_and_binary_is_bytes(serve: Serve) -> None:
    """One key of the two, as uvicorn has it."""
    ended = Latch()
    seen: list[Message] = []
    client = WebSocket(serve(collecting(seen, ended)))
    client.send(TEXT, "Grüße".encode())
    client.send(BINARY, b"\0\xff")
    client.send(TEXT)
    client.send(BINARY)
    client.send_close(1000)
    ended.wait()
    assert seen[:-1] == [
        {"type": "websocket.receive", "text": "Grüße"},
        {"type": "websocket.receive", "bytes": b"\0\xff"},
        {"type": "websocket.receive", "text": ""},
        {"type": "websocket.receive", "bytes": b""},
    ]


@pytest.mark.parametrize(
    ("message", "frame"),
    [
        ({"text": "a"}, Frame(TEXT, b"a")),
        ({"bytes": b"a"}, Frame(BINARY, b"a")),
        ({"text": "a", "bytes": None}, Frame(TEXT, b"a")),
        ({"text": None, "bytes": b"a"}, Frame(BINARY, b"a")),
        ({"text": "a", "bytes": b"b"}, Frame(BINARY, b"b")),
        ({"text": ""}, Frame(TEXT, b"")),
        ({"bytes": b"", "text": None}, Frame(BINARY, b"")),
        ({"bytes": bytearray(b"a")}, Frame(BINARY, b"a")),
    ],
    ids=repr,
)
def test_what_send_takes(serve: Serve, message: dict[str, Any], frame: Frame) -> None:
    """Bytes go first when both are there; None is the same as absent."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        await send({"type": "websocket.send", **message})
        await receive()

    assert WebSocket(serve(app)).read() == frame


def test_many_messages_keep_their_order(serve: Serve) -> None:
    """All written at once by the client."""
    client = WebSocket(serve(echo))
    client.connection.send(b"".join(encode(TEXT, b"%d" % number) for number in range(500)))
    assert [client.read().payload for _ in range(500)] == [b"%d" % number for number in range(500)]


def test_fragments_are_joined_with_control_frames_between_them(serve: Serve) -> None:
    """RFC 6455 section 5.4: a ping in the middle of a message is answered, and the message is one."""
    client = WebSocket(serve(echo))
    client.send(TEXT, "ü".encode()[:1], fin=False)
    client.send(PING, b"now")
    assert client.read() == Frame(PONG, b"now")
    client.send(CONTINUATION, "ü".encode()[1:], fin=False)
    client.send(CONTINUATION, b"!")
    assert client.read() == Frame(TEXT, "ü!".encode())


def test_a_ping_is_answered_while_the_app_does_nothing(serve: Serve) -> None:
    """The app is not asked and does not see it; an unsolicited pong is ignored."""
    go_on = Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        await go_on.reached()
        seen.append(await receive())
        await send({"type": "websocket.send", "text": "done"})

    client = WebSocket(serve(app))
    for payload in (b"", b"x" * 125):
        client.send(PING, payload)
        assert client.read() == Frame(PONG, payload)
    client.send(PONG, b"unasked")
    client.send(TEXT, b"hello")
    go_on.set()
    assert client.read().payload == b"done"
    assert seen == [{"type": "websocket.receive", "text": "hello"}]


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([encode(TEXT, b"\xff")], 1007),
        ([encode(TEXT, b"\xc3", fin=False), encode(CONTINUATION, b"\x28")], 1007),
        ([encode(TEXT, b"a", masked=False)], 1002),
        ([encode(TEXT, b"a", rsv=4)], 1002),
        ([encode(0x3, b"a")], 1002),
        ([encode(0xB, b"a")], 1002),
        ([encode(CONTINUATION, b"a")], 1002),
        ([encode(TEXT, b"a", fin=False), encode(TEXT, b"b")], 1002),
        ([encode(PING, b"a" * 126)], 1002),
        ([encode(PING, b"a", fin=False)], 1002),
        ([encode(0x8, b"\x03")], 1002),
        ([encode(0x8, b"\x03\xed")], 1002),
        ([encode(0x8, b"\x00\x00")], 1002),
        ([encode(0x8, b"\x03\xe8\xff")], 1007),
    ],
    ids=[
        "utf8", "utf8-over-fragments", "unmasked", "reserved-bit", "opcode-3", "opcode-11",
        "continuation-first", "text-in-text", "long-ping", "fragmented-ping", "close-of-1-byte",
        "close-1005", "close-0", "close-utf8",
    ],
)  # fmt: skip
def test_violations_end_the_connection_with_their_code(serve: Serve, frames: list[bytes], code: int) -> None:
    """RFC 6455 sections 5 and 7.4.1: a close frame that says why, then the end; the app learns the same
    code."""
    ended = Latch()
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        seen.append(await receive())
        ended.set()

    server = serve(app)
    client = WebSocket(server)
    client.connection.send(b"".join(frames))
    assert client.read_close().code == code
    assert client.ends
    ended.wait()
    assert (seen[0]["type"], seen[0]["code"]) == ("websocket.disconnect", code)


@pytest.mark.parametrize("fragments", [1, 3])
@pytest.mark.parametrize("over", [0, 1])
def test_ws_max_size(serve: Serve, fragments: int, over: int) -> None:
    """A message of the limit passes, one byte more is 1009, whether or not it is fragmented."""
    limit = 3000
    server = serve(echo, ws_max_size=limit)
    client = WebSocket(server)
    data = b"x" * (limit + over)
    step = -(-len(data) // fragments)
    parts = [data[start : start + step] for start in range(0, len(data), step)]
    client.connection.send(
        b"".join(
            encode(CONTINUATION if number else BINARY, part, fin=number == len(parts) - 1)
            for number, part in enumerate(parts)
        )
    )
    if over:
        assert client.read_close().code == 1009
        assert client.ends
    else:
        assert client.read() == Frame(BINARY, data)


def test_a_length_that_lies_allocates_nothing(serve: Serve) -> None:
    """A frame header that announces 2 to the 62 bytes is refused by the limit, before any of them comes."""
    client = WebSocket(serve(echo))
    client.connection.send(b"\x82\xff" + (1 << 62).to_bytes(8, "big") + b"\1\2\3\4")
    assert client.read_close().code == 1009
    assert client.ends


def test_trap05_send_to_a_client_that_is_gone_is_an_oserror(serve: Serve) -> None:
    """granian#835, asgiref#431: spec_version 2.4 promises it; re-raised it is swallowed, not logged."""
    ended = Latch()
    raised: list[BaseException] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        assert (await receive())["type"] == "websocket.disconnect"
        try:
            await send({"type": "websocket.send", "text": "anybody?"})
        except BaseException as error:
            raised.append(error)
            raise
        finally:
            ended.set()

    server = serve(app)
    client = WebSocket(server)
    client.connection.reset()
    ended.wait()
    server.barrier()
    assert isinstance(raised[0], OSError)
    assert server.errors == []


@pytest.mark.parametrize("message_type", ["websocket.accept", "http.response.start", "nonsense"])
def test_messages_that_do_not_belong_in_an_open_websocket(serve: Serve, message_type: str) -> None:
    """RuntimeError, in uvicorn's words; the WebSocket goes on if the app catches it."""
    raised: list[BaseException] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        try:
            await send({"type": message_type})
        except RuntimeError as error:
            raised.append(error)
        await send({"type": "websocket.send", "text": "still here"})
        await receive()

    client = WebSocket(serve(app))
    assert client.read().payload == b"still here"
    assert str(raised[0]) == (
        f"Expected ASGI message 'websocket.send' or 'websocket.close', but got '{message_type}'."
    )
