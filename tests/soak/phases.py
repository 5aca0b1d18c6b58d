"""The phases of a soak. Each raises `SoakFailure` with what went wrong, or returns what it saw."""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from tests.soak.app import IDS
from tests.soak.client import Survivors, fetch, stats
from tests.soak.server import SoakServer

MIB = 2**20
VICTIM = Path(__file__).with_name("victim.py")
UNREAD_LIMIT = 16 * MIB
"""What may lie between an app and a reader that reads nothing: the kernel's and the server's buffers."""


class SoakFailure(Exception):
    """A promise that was not kept."""


def check(condition: bool, what: str) -> None:
    """Raises `SoakFailure` unless the condition holds."""
    if not condition:
        raise SoakFailure(what)


async def kills(server: SoakServer, *, count: int, ids: itertools.count[int]) -> dict[str, Any]:
    """Kills clients at random moments of their lives while others, which must not notice, go on."""
    survivors = Survivors(server.port, ids)
    load = [asyncio.ensure_future(survivors.keep_alive(ms=ms)) for ms in (0, 0, 1, 5)]
    load += [asyncio.ensure_future(survivors.reconnect()), asyncio.ensure_future(survivors.upload())]
    left = itertools.count()

    async def hangman() -> None:
        while next(left) < count:
            victim = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", str(VICTIM), str(server.port), stdout=asyncio.subprocess.PIPE
            )
            assert victim.stdout is not None
            await victim.stdout.readline()
            await asyncio.sleep(random.uniform(0, 0.3))
            victim.kill()
            await victim.wait()

    await asyncio.gather(*(hangman() for _ in range(6)))
    survivors.stopping = True
    await asyncio.wait_for(asyncio.gather(*load), 60)
    check(not survivors.broken, f"requests of surviving clients failed: {survivors.broken}")
    await idle(server)
    return {"killed": count, "answered": len(survivors.answered), "rss": server.rss()}


async def idle(server: SoakServer) -> None:
    """Waits until nothing of the clients that went is left: requests, tasks, descriptors."""
    deadline = time.monotonic() + 30
    while True:
        found = {**await stats(server.port), "descriptors": server.descriptors()}
        # The request for the statistics is active itself, and its own connection may still be open.
        if (
            found["active"] == 1
            and found["tasks"] <= server.baseline["tasks"]
            and found["descriptors"] <= server.baseline["descriptors"] + 1
        ):
            return
        check(time.monotonic() < deadline, f"left over: {found}, at the start {server.baseline}")
        await asyncio.sleep(0.1)


async def slow_readers(server: SoakServer, *, readers: int, seconds: float, size: int) -> dict[str, Any]:
    """Slow readers of a large stream: memory stays bounded, and so does what the app could send ahead."""
    before, streamed = server.rss(), (await stats(server.port))["streamed"]
    connections = []
    for _ in range(readers):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(b"GET /stream?bytes=%d HTTP/1.1\r\nHost: soak\r\n\r\n" % size)
        connection.setblocking(False)
        connections.append(connection)
    read, peak = 0, before
    end = time.monotonic() + seconds
    loop = asyncio.get_running_loop()
    while time.monotonic() < end:
        for connection in connections:
            read += len(await asyncio.wait_for(loop.sock_recv(connection, 16384), 10))
        peak = max(peak, server.rss())
        await asyncio.sleep(0.02)
    ahead = (await stats(server.port))["streamed"] - streamed - read
    for connection in connections:
        connection.close()
    growth = peak - before
    check(ahead < readers * UNREAD_LIMIT, f"the app could send {ahead} bytes ahead of its readers")
    check(growth < 64 * MIB, f"memory grew by {growth} bytes under {readers} slow readers")
    await idle(server)
    return {"read": read, "ahead_per_reader": ahead // readers, "rss_growth": growth}


async def whole_stream(server: SoakServer, *, size: int) -> dict[str, Any]:
    """One reader takes all of the stream; memory stays bounded."""
    before = server.rss()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=MIB)
    writer.write(b"GET /stream?bytes=%d HTTP/1.1\r\nHost: soak\r\n\r\n" % size)
    head = await reader.readuntil(b"\r\n\r\n")
    check(b"chunked" in head, f"not a chunked response: {head!r}")
    total, peak, started = 0, before, time.monotonic()
    while length := int(await reader.readline(), 16):
        chunk = await reader.readexactly(length + 2)
        total += len(chunk) - 2
        peak = max(peak, server.rss())
    writer.close()
    check(total == size, f"{total} bytes of {size}")
    check(peak - before < 64 * MIB, f"memory grew by {peak - before} bytes")
    await idle(server)
    return {"bytes": total, "rss_growth": peak - before, "seconds": round(time.monotonic() - started, 1)}


async def terminate(server: SoakServer, *, after: float) -> dict[str, Any]:
    """SIGTERM under load: what the app was given is answered in full, what was not answered it never saw."""
    survivors = Survivors(server.port, itertools.count())
    load = [asyncio.ensure_future(survivors.keep_alive(ms=ms)) for ms in (0, 0, 0, 0, 1, 5, 300, 300)]
    load += [asyncio.ensure_future(survivors.reconnect()) for _ in range(4)]
    load += [asyncio.ensure_future(survivors.upload()) for _ in range(2)]
    await asyncio.sleep(after)
    before = len(survivors.answered)
    begin = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(asyncio.gather(*load), 60)
    code = await asyncio.to_thread(server.process.wait, 30)
    # uvicorn, and so we, end by the signal that stopped them once all is done.
    check(code in (0, -signal.SIGTERM), f"exit code {code}:\n{server.output()}")
    account = server.report.read_bytes()
    started = {number for number, seen in enumerate(account[:IDS]) if seen}
    finished = {number for number, seen in enumerate(account[IDS:]) if seen}
    lost = {number: survivors.broken.get(number, "?") for number in started - survivors.answered}
    check(not lost, f"the app was given these requests, and their answers did not arrive: {lost}")
    check(started == finished, f"begun and not finished: {started - finished}")
    return {
        "answered": len(survivors.answered),
        "after_sigterm": len(survivors.answered) - before,
        "refused": len(survivors.broken),
        "seconds": round(time.monotonic() - begin, 2),
    }


async def baseline(server: SoakServer) -> None:
    """Remembers what a server has open that has served a few requests."""
    for _ in range(20):
        await fetch(server.port, "/stats")
    server.baseline = {**await stats(server.port), "descriptors": server.descriptors()}
