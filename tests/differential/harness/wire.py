"""A raw HTTP/1.1 client side: what a server wrote, taken apart without losing a byte.

Nothing is decoded, joined, lower-cased or reordered here; the comparison decides what matters. Framing
follows RFC 9112 section 6.3 (which bytes belong to a response) and nothing more lenient.
"""

from __future__ import annotations

import errno
import fcntl
import socket
import struct
import termios
from dataclasses import dataclass, field
from typing import Literal

Framing = Literal["none", "length", "chunked", "close"]

#: Longest wait for bytes that a server owes us, in seconds. Reached only by a server that hangs.
TIMEOUT = 15.0


class Closed(Exception):
    """The server closed (or reset) the connection before the bytes that were asked for."""


class Hung(Exception):
    """The server neither answered nor closed within `TIMEOUT`."""


class Malformed(Exception):
    """What the server wrote is not an HTTP/1.1 message."""


@dataclass
class Response:
    """One response as it was on the wire."""

    status_line: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    framing: Framing = "none"
    chunks: list[int] = field(default_factory=list)
    trailers: list[tuple[bytes, bytes]] = field(default_factory=list)
    complete: bool = True

    @property
    def status(self) -> int:
        """The status code."""
        return int(self.status_line[9:12])

    def values(self, name: bytes) -> list[bytes]:
        """All values of a field, in order."""
        return [value for key, value in self.headers if key.lower() == name]

    @property
    def announces_close(self) -> bool:
        """Whether the response says that the connection ends with it."""
        tokens = [t.strip().lower() for value in self.values(b"connection") for t in value.split(b",")]
        return b"close" in tokens or self.framing == "close" or not self.complete


class Connection:
    """A blocking client socket with a read buffer. IPv4 TCP or a Unix socket."""

    def __init__(self, address: tuple[str, int] | str) -> None:
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.settimeout(TIMEOUT)
        self._socket.connect(address)
        if family == socket.AF_INET:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.local_port = int(self._socket.getsockname()[1])
        else:
            self.local_port = 0
        self._buffer = bytearray()
        self._eof = False
        self.open = True

    def set_timeout(self, seconds: float) -> None:
        """Longest wait of each read and write."""
        self._socket.settimeout(seconds)

    def send(self, data: bytes) -> bool:
        """Write all of `data`; False when the server has already closed (the case goes on and reads)."""
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        except TimeoutError as error:
            raise Hung("the server does not read") from error
        return True

    def half_close(self) -> None:
        """Send FIN and keep reading."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise

    def close(self, *, reset: bool = False) -> None:
        """Close; with `reset` the peer gets RST instead of FIN (RFC 9293 section 3.10.7, SO_LINGER 0)."""
        if self.open and reset:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.open = False
        self._socket.close()

    def unacknowledged(self) -> int:
        """Bytes the peer's kernel has not acknowledged yet (SIOCOUTQ)."""
        return int(struct.unpack("i", fcntl.ioctl(self._socket, termios.TIOCOUTQ, b"\0\0\0\0"))[0])

    def _fill(self) -> None:
        if self._eof:
            raise Closed
        try:
            data = self._socket.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        except TimeoutError as error:
            raise Hung from error
        if not data:
            self._eof = True
            raise Closed
        self._buffer += data

    def read_exactly(self, count: int) -> bytes:
        """The next `count` bytes."""
        while len(self._buffer) < count:
            self._fill()
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def read_line(self) -> bytes:
        """Up to and without the next CRLF."""
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > 1 << 20:
                raise Malformed("no line end in 1 MiB")
            self._fill()
        return self.read_exactly(end + 2)[:-2]

    def read_to_end(self) -> bytes:
        """Everything until the server closes."""
        try:
            while True:
                self._fill()
        except Closed:
            return self.take_rest()

    def take_rest(self) -> bytes:
        """What is buffered, without waiting."""
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    def peek(self, count: int) -> bytes:
        """The next `count` bytes, kept in the buffer."""
        while len(self._buffer) < count:
            self._fill()
        return bytes(self._buffer[:count])

    def read_head(self) -> Response:
        """A status line and its header section."""
        # Waits for the first byte alone, so that a clean close is told apart from a cut head.
        self.peek(1)
        try:
            status_line = self.read_line()
            if not (
                status_line.startswith(b"HTTP/1.")
                and status_line[8:9] == b" "
                and status_line[9:12].isdigit()
            ):
                raise Malformed(repr(status_line))
            return Response(status_line, self._read_fields())
        except Closed as error:
            raise Malformed(f"cut head: {self.take_rest()!r}") from error

    def _read_fields(self) -> list[tuple[bytes, bytes]]:
        fields: list[tuple[bytes, bytes]] = []
        while line := self.read_line():
            name, colon, value = line.partition(b":")
            if not colon or not name or name != name.strip():
                raise Malformed(f"field line {line!r}")
            fields.append((name, value[1:] if value.startswith(b" ") else value))
        return fields

    def read_body(self, response: Response, *, method: bytes) -> None:
        """Fill `response` with its content, as RFC 9112 section 6.3 frames it."""
        status = response.status
        if method == b"HEAD" or status < 200 or status in (204, 304):
            return
        coding = [value.strip().lower() for value in response.values(b"transfer-encoding")]
        lengths = response.values(b"content-length")
        try:
            if coding and coding[-1].endswith(b"chunked"):
                response.framing = "chunked"
                self._read_chunks(response)
            elif coding or not lengths:
                response.framing = "close"
                response.body = self.read_to_end()
            else:
                response.framing = "length"
                response.body = self.read_exactly(int(lengths[0]))
        except Closed:
            response.complete = False
            response.body += self.take_rest()

    def _read_chunks(self, response: Response) -> None:
        while True:
            line = self.read_line()
            try:
                size = int(line.partition(b";")[0], 16)
            except ValueError as error:
                raise Malformed(f"chunk size {line!r}") from error
            response.chunks.append(size)
            if size == 0:
                response.trailers = self._read_fields()
                return
            response.body += self.read_exactly(size)
            if self.read_exactly(2) != b"\r\n":
                raise Malformed("chunk without CRLF")

    def read_response(self, *, method: bytes) -> Response:
        """One response, interim (1xx but 101) or final."""
        response = self.read_head()
        if response.status >= 200:
            self.read_body(response, method=method)
        return response
