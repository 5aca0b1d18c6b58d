"""A WebSocket client of bytes (RFC 6455): what it sends may be wrong on purpose, what it reads is shown as it
is."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .apps import App, Message, Receive, Send
from .latch import Latch
from .servers import Server
from .wire import Closed, Connection, Response

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_MASK = b"\x11\x22\x33\x44"


@dataclass(frozen=True)
class Frame:
    """One frame."""

    opcode: int
    payload: bytes
    fin: bool = True
    rsv: int = 0

    @property
    def code(self) -> int:
        """The code of a close frame; 1005 when it has none."""
        return int(struct.unpack("!H", self.payload[:2])[0]) if self.payload else 1005

    @property
    def reason(self) -> str:
        """The reason of a close frame."""
        return self.payload[2:].decode()


def encode(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True
) -> bytes:
    """The bytes of a client's frame."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        head = struct.pack("!BB", first, bit | len(payload))
    elif len(payload) < 1 << 16:
        head = struct.pack("!BBH", first, bit | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, bit | 127, len(payload))
    if not masked:
        return head + payload
    mask = (_MASK * (len(payload) // 4 + 1))[: len(payload)]
    masked_payload = int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")
    return head + _MASK + masked_payload.to_bytes(len(payload), "big")


def handshake(target: bytes = b"/", headers: bytes = b"") -> bytes:
    """The request that opens a WebSocket."""
    return (
        b"GET %s HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n"
        % (target, headers)
    )


class WebSocket:
    """An open one."""

    def __init__(self, server: Server, target: bytes = b"/", headers: bytes = b"") -> None:
        self.connection: Connection = server.connect()
        self.connection.send(handshake(target, headers))
        self.response: Response = self.connection.read_head()
        assert self.response.status == 101, self.response

    def send(
        self, opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True
    ) -> None:
        """Send a frame."""
        self.connection.send(encode(opcode, payload, fin=fin, rsv=rsv, masked=masked))

    def send_close(self, code: int | None = None, reason: bytes = b"") -> None:
        """Send a close frame."""
        self.send(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)

    def read(self) -> Frame:
        """The next frame."""
        first, second = self.connection.read_exactly(2)
        length = second & 0x7F
        assert not second & 0x80, "a server does not mask"
        if length == 126:
            (length,) = struct.unpack("!H", self.connection.read_exactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.connection.read_exactly(8))
        return Frame(first & 0xF, self.connection.read_exactly(length), bool(first & 0x80), (first >> 4) & 7)

    def read_close(self) -> Frame:
        """The next frame, which has to be a close frame."""
        frame = self.read()
        assert frame.opcode == CLOSE, frame
        return frame

    @property
    def ends(self) -> bool:
        """Wait for the end of the connection; False if bytes come instead."""
        try:
            self.connection.read_exactly(1)
        except Closed:
            return True
        return False


async def accept(receive: Receive, send: Send) -> None:
    """The first steps of every app that wants the connection."""
    message = await receive()
    assert message == {"type": "websocket.connect"}, message
    await send({"type": "websocket.accept"})


async def echo(scope: Message, receive: Receive, send: Send) -> None:
    """Sends back what it gets, until the client goes."""
    await accept(receive, send)
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


def collecting(seen: list[Message], ended: Latch | None = None) -> App:
    """An app that accepts and keeps what it receives, up to the disconnect; then it sets `ended`."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        while not seen or seen[-1]["type"] != "websocket.disconnect":
            seen.append(await receive())
        if ended is not None:
            ended.set()

    return app
