"""A blocking HTTP/1.1 client that shows what was on the wire."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field

from .latch import PATIENCE


class Closed(Exception):
    """The server closed the connection before the bytes that were asked for."""


@dataclass
class Response:
    """One response. `complete` is False when the connection ended inside the body."""

    status_line: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    chunks: list[bytes] = field(default_factory=list)
    complete: bool = True

    @property
    def status(self) -> int:
        """The status code."""
        return int(self.status_line[9:12])

    def values(self, name: bytes) -> list[bytes]:
        """All values of a field, in order."""
        return [value for key, value in self.headers if key.lower() == name]

    @property
    def names(self) -> list[bytes]:
        """The field names as they were written."""
        return [name for name, _ in self.headers]

    @property
    def is_chunked(self) -> bool:
        """Whether the body is framed by chunks."""
        return self.values(b"transfer-encoding") == [b"chunked"]


class Connection:
    """A client socket with a read buffer."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.socket.settimeout(PATIENCE)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()

    @property
    def name(self) -> tuple[str, int]:
        """Our end, as the server's `scope["client"]` has it."""
        host, port = self.socket.getsockname()[:2]
        return host, port

    def send(self, data: bytes) -> None:
        """Write all of `data`."""
        self.socket.sendall(data)

    def send_until_stalled(self, data: bytes, limit: int) -> int:
        """Write `data` over and over until the peer takes no more, at most `limit` bytes; how many it took.

        The wait that finds out cannot fail a test by being too short: then less was written.
        """
        written = 0
        view = memoryview(data)
        self.socket.settimeout(0.3)
        try:
            while written < limit:
                offset = written % len(data)
                written += self.socket.send(view[offset:][: limit - written])
        except TimeoutError:
            pass
        finally:
            self.socket.settimeout(PATIENCE)
        return written

    def send_rest(self, data: bytes, written: int, limit: int) -> None:
        """Go on where `send_until_stalled` stopped."""
        view = memoryview(data)
        while written < limit:
            offset = written % len(data)
            written += self.socket.send(view[offset:][: limit - written])

    def send_half_close(self) -> None:
        """Send FIN and keep reading."""
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close with FIN."""
        self.socket.close()

    def reset(self) -> None:
        """Close with RST (SO_LINGER 0)."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _fill(self) -> None:
        try:
            data = self.socket.recv(1 << 16)
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        if not data:
            raise Closed(bytes(self._buffer[:200]))
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
            self._fill()
        return self.read_exactly(end + 2)[:-2]

    def read_to_end(self) -> bytes:
        """Everything until the server closes."""
        try:
            while True:
                self._fill()
        except Closed:
            data = bytes(self._buffer)
            self._buffer.clear()
            return data

    def read_head(self) -> Response:
        """A status line and its fields."""
        status_line = self.read_line()
        assert status_line.startswith(b"HTTP/1."), status_line
        headers = []
        while line := self.read_line():
            name, colon, value = line.partition(b": ")
            assert colon, line
            headers.append((name, value))
        return Response(status_line, headers)

    def read_response(self, *, method: bytes = b"GET") -> Response:
        """One response with its body, framed as RFC 9112 section 6.3 says; 1xx responses count."""
        response = self.read_head()
        if method == b"HEAD" or response.status < 200 or response.status in (204, 304):
            return response
        try:
            if response.values(b"transfer-encoding"):
                while chunk := self.read_chunk():
                    response.chunks.append(chunk)
                response.body = b"".join(response.chunks)
            elif lengths := response.values(b"content-length"):
                response.body = self.read_exactly(int(lengths[0]))
            else:
                response.body = self.read_to_end()
        except Closed:
            response.complete = False
            response.body = b"".join(response.chunks) + bytes(self._buffer)
            self._buffer.clear()
        return response

    def read_chunk(self) -> bytes:
        """The next chunk; the last one is empty."""
        size = int(self.read_line(), 16)
        data = self.read_exactly(size)
        assert self.read_exactly(2) == b"\r\n"
        return data

    @property
    def is_closed_by_peer(self) -> bool:
        """Wait for FIN or RST; False if bytes come instead."""
        if self._buffer:
            return False
        try:
            self._fill()
        except Closed:
            return True
        return False

    def has_unread(self) -> bool:
        """Whether something was received that nobody asked for yet, without waiting."""
        self.socket.setblocking(False)
        try:
            self._fill()
        except BlockingIOError:
            pass
        except Closed:
            return bool(self._buffer)
        finally:
            self.socket.settimeout(PATIENCE)
        return bool(self._buffer)


def get(target: bytes = b"/", headers: bytes = b"", *, method: bytes = b"GET") -> bytes:
    """A request without a body; `headers` end with CRLF each."""
    return b"%s %s HTTP/1.1\r\nHost: test\r\n%s\r\n" % (method, target, headers)


def post(data: bytes = b"", target: bytes = b"/", headers: bytes = b"") -> bytes:
    """A POST request with its body."""
    return b"POST %s HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n%s\r\n%s" % (
        target,
        len(data),
        headers,
        data,
    )


def post_head(length: int, target: bytes = b"/", headers: bytes = b"") -> bytes:
    """The head of a POST request whose body follows later."""
    return b"POST %s HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n%s\r\n" % (target, length, headers)


def chunked(*parts: bytes, target: bytes = b"/", headers: bytes = b"") -> bytes:
    """A POST request with a chunked body."""
    head = b"POST %s HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n%s\r\n" % (target, headers)
    return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
