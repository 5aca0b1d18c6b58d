"""What a server occupies, and what an idle connection adds."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

from benchmarks.load import encode
from benchmarks.servers import Running

IDLE_CONNECTIONS = 500
PROBE = "/json"
ANSWER_SECONDS = 20.0


def ask(port: int, target: str = PROBE) -> bytes:
    """The first bytes of an answer, over a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS) as connection:
        connection.sendall(encode("GET", target))
        return connection.recv(4096)


def per_idle_connection(process: Running) -> float:
    """Bytes for each of many connections that have had one answer and stay open."""
    with contextlib.ExitStack() as stack:
        # What a server needs once for many connections is not counted for each of the next.
        _open(stack, process.port, 50)
        before = process.pss()
        _open(stack, process.port, IDLE_CONNECTIONS)
        return (process.pss() - before) / IDLE_CONNECTIONS


def _open(stack: contextlib.ExitStack, port: int, count: int) -> None:
    for _ in range(count):
        connection = stack.enter_context(
            socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS)
        )
        connection.sendall(encode("GET", PROBE))
        if not connection.recv(4096).startswith(b"HTTP/1.1 200"):
            raise RuntimeError("a wrong answer on a connection that was to stay idle")


def peak(process: Running) -> int:
    """The most that the processes of the tree have occupied, each at its time."""
    total = 0
    for pid in process.tree():
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return total * 1024
