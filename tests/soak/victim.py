"""A client that is killed: every kind of request at once, for ever. The argument is the server's port."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable

HEAD = b"%s HTTP/1.1\r\nHost: soak\r\n"


def keep_alive(connection: socket.socket) -> None:
    """Quick requests one after another."""
    while True:
        connection.sendall(HEAD % b"GET /stats" + b"\r\n")
        if not connection.recv(65536):
            return


def pipeline(connection: socket.socket) -> None:
    """Requests without waiting for the answers, which are read late."""
    while True:
        connection.sendall((HEAD % b"GET /stats" + b"\r\n") * 20)
        time.sleep(0.05)
        connection.recv(65536)


def read_slowly(connection: socket.socket) -> None:
    """A large response, a little at a time."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    connection.sendall(HEAD % b"GET /stream?bytes=1000000000" + b"\r\n")
    while connection.recv(4096):
        time.sleep(0.01)


def read_fast(connection: socket.socket) -> None:
    """A large response as fast as it comes."""
    connection.sendall(HEAD % b"GET /stream?bytes=1000000000" + b"\r\n")
    while connection.recv(1 << 20):
        pass


def upload(connection: socket.socket) -> None:
    """A body that takes longer than the client lives."""
    connection.sendall(HEAD % b"POST /upload" + b"Content-Length: 1000000000\r\n\r\n")
    while True:
        connection.sendall(b"u" * 16384)
        time.sleep(0.005)


def half_a_head(connection: socket.socket) -> None:
    """A request that never gets complete."""
    connection.sendall(HEAD % b"GET /stats")
    connection.recv(1)


def nothing(connection: socket.socket) -> None:
    """A bare connection, as health checks of load balancers make it."""
    connection.recv(1)


def websocket(connection: socket.socket) -> None:
    """A WebSocket that is written to faster than it is read."""
    connection.sendall(
        HEAD % b"GET /echo" + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c29hayBzb2FrIHNvYWsgcw==\r\n\r\n"
    )
    # A binary message of 16,384 bytes with the mask zero (RFC 6455 section 5.2).
    frame = b"\x82\xfe\x40\x00" + bytes(4) + b"w" * 16384
    while True:
        connection.sendall(frame)
        connection.recv(1024)


def run(port: int, client: Callable[[socket.socket], None]) -> None:
    """One connection; what breaks it does not matter."""
    try:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            client(connection)
    except OSError:
        pass


if __name__ == "__main__":
    for kind in (keep_alive, pipeline, read_slowly, read_fast, upload, half_a_head, nothing, websocket):
        threading.Thread(target=run, args=(int(sys.argv[1]), kind)).start()
    print("ready", flush=True)
