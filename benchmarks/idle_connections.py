"""Memory of idle keep-alive connections.

    python -m benchmarks.idle_connections [--quick] [--servers turboapi,uvicorn,granian]

Opens 10,000 connections from this process to a server process, sends one request over each, and leaves them
idle; then all of them carry load, then all are closed. Resident memory of the server is read at each step:
after a warm-up with as many requests, while all are idle, after the load, and three seconds after the close.
Every response is checked. Results go to ``benchmarks/results`` unless ``--quick``.
"""

from __future__ import annotations

import argparse
import socket
import time
from typing import Any

from benchmarks.load import Request
from benchmarks.machine import describe, record
from benchmarks.servers import ASGI_SERVERS, SERVERS, Running, Server, raise_descriptor_limit, running

CASE = Request("raw ASGI callable", "benchmarks.apps.raw:app", "GET", "/", b'{"message":"Hello, World!"}')
REQUEST = CASE.encode()
SOURCES = 8
"""Loopback source addresses, so that ephemeral ports do not run out."""
BATCH = 100
"""Requests in flight at once during the load."""
ROUNDS = 10
"""Requests over each connection during the load."""

AFTER_CLOSE_SECONDS = 3.0
"""What a server gets to give memory back."""


def connect(port: int, count: int) -> list[socket.socket]:
    """Open connections, each from one of several loopback addresses."""
    opened = []
    for number in range(count):
        connection = socket.socket()
        connection.settimeout(20)
        connection.bind((f"127.0.0.{2 + number % SOURCES}", 0))
        connection.connect(("127.0.0.1", port))
        opened.append(connection)
    return opened


def exchange(connections: list[socket.socket]) -> None:
    """One request over every connection, a batch at a time; raises unless every answer is right."""
    for start in range(0, len(connections), BATCH):
        batch = connections[start : start + BATCH]
        for connection in batch:
            connection.sendall(REQUEST)
        for connection in batch:
            response = b""
            while not response.endswith(CASE.expected):
                received = connection.recv(4096)
                if not received:
                    raise RuntimeError(f"a connection was closed after {response!r}")
                response += received
            if not response.startswith(b"HTTP/1.1 200 ") or response.count(b"HTTP/1.1") != 1:
                raise RuntimeError(f"a wrong response: {response!r}")


def close(connections: list[socket.socket]) -> None:
    """Closes all of them."""
    for connection in connections:
        connection.close()


def settle(process: Running, descriptors: int) -> None:
    """Waits until the server has closed what its clients closed."""
    deadline = time.monotonic() + 20
    while process.descriptors() > descriptors:
        if time.monotonic() > deadline:
            raise RuntimeError(
                f"{process.descriptors() - descriptors} connections are still open in the server"
            )
        time.sleep(0.05)


def measure(server: Server, count: int) -> dict[str, float]:
    """One server: resident bytes at each step, and bytes per idle connection."""
    with running(server, CASE.app, core=None, extra=server.for_idle) as process:
        descriptors = process.descriptors()
        # The allocator and the interpreter reach their working size under a few connections.
        warm = connect(process.port, BATCH)
        for _ in range(count // BATCH):
            exchange(warm)
        close(warm)
        settle(process, descriptors)
        before = process.rss()

        idle = connect(process.port, count)
        exchange(idle)
        with_idle = process.rss()
        for _ in range(ROUNDS):
            exchange(idle)
        after_load = process.rss()
        close(idle)
        settle(process, descriptors)
        time.sleep(AFTER_CLOSE_SECONDS)
        after_close = process.rss()

        # A second time shows whether what stayed is reused or lost.
        again = connect(process.port, count)
        exchange(again)
        with_idle_again = process.rss()
        close(again)
        settle(process, descriptors)
        time.sleep(AFTER_CLOSE_SECONDS)
        after_close_again = process.rss()
    return {
        "connections": count,
        "before": before,
        "idle": with_idle,
        "after_load": after_load,
        "after_close": after_close,
        "idle_again": with_idle_again,
        "after_close_again": after_close_again,
        "bytes_per_idle_connection": round((with_idle - before) / count),
    }


def render(result: dict[str, Any]) -> str:
    """The Markdown page of a result."""
    columns = ("before", "idle", "after_load", "after_close", "idle_again", "after_close_again")
    lines = [
        "# Memory of idle connections",
        "",
        "Written by `python -m benchmarks.idle_connections`. Resident memory of the server in MiB.",
        "",
        f"| server | connections | bytes per idle connection | {' | '.join(columns).replace('_', ' ')} |",
        f"|---|---:|---:|{'---:|' * len(columns)}",
    ]
    for name, row in result["servers"].items():
        cells = " | ".join(f"{row[column] / 2**20:.1f}" for column in columns)
        lines.append(f"| {name} | {row['connections']:,} | {row['bytes_per_idle_connection']:,} | {cells} |")
    versions = [
        f"{package} {number}" for found in result["versions"].values() for package, number in found.items()
    ]
    facts = [f"{key} {value}" for key, value in result["machine"].items()]
    lines += ["", f"Servers: {', '.join(dict.fromkeys(versions))}.", "", f"Machine: {', '.join(facts)}.", ""]
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.idle_connections", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1,000 connections; writes nothing")
    parser.add_argument("--servers", default=",".join(ASGI_SERVERS), help="comma-separated names")
    options = parser.parse_args()
    servers = [SERVERS[name] for name in options.servers.split(",")]
    for server in servers:
        if package := server.missing():
            parser.error(f"{server.name}: {package} is not installed")

    count = 1_000 if options.quick else 10_000
    raise_descriptor_limit(count + 1_000)
    result: dict[str, Any] = {
        "machine": describe(),
        "versions": {server.name: server.versions() for server in servers},
        "servers": {},
    }
    for server in servers:
        result["servers"][server.name] = measure(server, count)
        print(server.name, result["servers"][server.name], flush=True)
    page = render(result)
    print(page)
    if not options.quick:
        record("idle_connections", result, page)


if __name__ == "__main__":
    main()
