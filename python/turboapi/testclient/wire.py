"""HTTP/1.1 over a blocking socket, with h11 as the parser."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator, Mapping

import h11

_RECEIVE_SIZE = 65536
_MAX_HEAD = 64 * 1024 * 1024
# What a server adds by itself and the stock client, which has no server, does not show.
_SERVER_HEADERS = (b"connection", b"content-length", b"date", b"server", b"transfer-encoding")

Head = h11.Response | h11.InformationalResponse


class Truncated(Exception):
    """The engine closed the connection before the response was complete."""


def read(sock: socket.socket) -> bytes:
    """What has arrived, waiting for something; empty once the peer has closed."""
    try:
        return sock.recv(_RECEIVE_SIZE)
    except ConnectionError:
        return b""


def write(sock: socket.socket, data: bytes, on_read: Callable[[bytes], None]) -> None:
    """Write all of `data`; hands what arrives meanwhile to `on_read`, empty bytes for the peer's close.

    Reading meanwhile keeps a client and an app that both send more than the socket buffers from waiting for
    each other. A peer that closes ends the write without an error: what it has said before can still be
    read.
    """
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[sock.send(rest, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            poll = select.poll()
            poll.register(sock, select.POLLIN | select.POLLOUT)
            if any(events & select.POLLIN for _, events in poll.poll()):
                received = read(sock)
                on_read(received)
                if not received:
                    return
        except (BrokenPipeError, ConnectionResetError):
            return


def app_headers(head: Head, sent: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    """The headers of a response without those that the engine added, with names as the app wrote them.

    `sent` maps the app's names in lower case to the app's names.
    """
    return [
        (sent.get(name.lower(), name), value)
        for name, value in head.headers.raw_items()
        if name.lower() not in _SERVER_HEADERS or name.lower() in sent
    ]


class HttpConnection:
    """One request and its response on a connection of its own.

    h11 is the parser because it is strict, has no socket code of its own to bypass, takes any method and
    keeps header order and duplicates; httpx depends on it already.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)

    def request(self, method: bytes, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Send a whole request. A response that comes before the request is written is kept for `head`."""
        wire = self._h11.send(h11.Request(method=method, target=target, headers=headers)) or b""
        if body:
            wire += self._h11.send(h11.Data(data=body)) or b""
        wire += self._h11.send(h11.EndOfMessage()) or b""
        write(self._socket, wire, self._h11.receive_data)

    def head(self) -> Head:
        """The final response's head, or that of 101; other informational responses are passed over.

        Raises `Truncated` if the connection closes first.
        """
        while True:
            event = self._next_event()
            if isinstance(event, h11.Response):
                return event
            if isinstance(event, h11.InformationalResponse) and event.status_code == 101:
                return event
            if not isinstance(event, h11.InformationalResponse):
                raise Truncated("no response")

    def body(self) -> Iterator[bytes]:
        """The body as it arrives. Raises `Truncated` if the connection closes before its end."""
        while not isinstance(event := self._next_event(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                raise Truncated("incomplete response body")
            yield bytes(event.data)

    @property
    def trailing_data(self) -> bytes:
        """Bytes after the head of a 101 response, which belong to the new protocol."""
        return self._h11.trailing_data[0]

    def close(self) -> None:
        self._socket.close()

    def _next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        while True:
            try:
                event = self._h11.next_event()
            except h11.RemoteProtocolError as error:
                # h11 leaves its state ERROR after malformed input, and reports an early end in the same
                # class.
                raise Truncated(str(error)) from error
            if event is not h11.NEED_DATA:
                return event
            self._h11.receive_data(read(self._socket))
