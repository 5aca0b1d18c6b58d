"""WebSocket frames as bytes (RFC 6455 section 5): built with a fixed mask, read without interpretation."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .wire import Connection

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

#: A fixed mask makes the bytes of a case the same in every run.
MASK = b"\x11\x22\x33\x44"


@dataclass
class Frame:
    """One frame as it was received."""

    fin: bool
    rsv: int
    opcode: int
    masked: bool
    payload: bytes


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True) -> bytes:
    """The bytes of a client frame; `masked=False` builds the violation of section 5.1."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    mask_bit = 0x80 if masked else 0
    if len(payload) < 126:
        head = struct.pack("!BB", first, mask_bit | len(payload))
    elif len(payload) < 1 << 16:
        head = struct.pack("!BBH", first, mask_bit | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, len(payload))
    if not masked:
        return head + payload
    return head + MASK + bytes(byte ^ MASK[i % 4] for i, byte in enumerate(payload))


def close(code: int | None = 1000, reason: bytes = b"") -> bytes:
    """The bytes of a Close frame; `code=None` sends it without a body."""
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


def read_frame(connection: Connection) -> Frame:
    """The next frame from the server."""
    first, second = connection.read_exactly(2)
    length = second & 0x7F
    if length == 126:
        (length,) = struct.unpack("!H", connection.read_exactly(2))
    elif length == 127:
        (length,) = struct.unpack("!Q", connection.read_exactly(8))
    masked = bool(second & 0x80)
    if masked:
        connection.read_exactly(4)
    return Frame(bool(first & 0x80), (first >> 4) & 7, first & 0xF, masked, connection.read_exactly(length))
