"""The client that survives: every answer is checked, every id is accounted for."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import dataclass, field
from typing import Any

RETRIABLE = (ConnectionError, asyncio.IncompleteReadError)
"""How a request ends that was sent while the server went away."""


class WrongAnswer(Exception):
    """A response that is not the right one for its request."""


async def request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str, pieces: tuple[bytes, ...] = ()
) -> bytes:
    """One request on an open connection; the body of its 200 response. Pieces are sent with pauses."""
    method, size = ("POST", sum(map(len, pieces))) if pieces else ("GET", 0)
    length = f"Content-Length: {size}\r\n" if pieces else ""
    writer.write(f"{method} {target} HTTP/1.1\r\nHost: soak\r\n{length}\r\n".encode())
    for piece in pieces:
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(piece)
    await writer.drain()
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise WrongAnswer(f"{target}: {head!r}")
    lower = head.lower()
    at = lower.index(b"content-length:") + len(b"content-length:")
    return await reader.readexactly(int(lower[at : lower.index(b"\r\n", at)]))


async def fetch(port: int, target: str) -> bytes:
    """A request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await request(reader, writer, target)
    finally:
        writer.close()


async def stats(port: int) -> dict[str, Any]:
    """The app's gauges."""
    found: dict[str, Any] = json.loads(await fetch(port, "/stats"))
    return found


@dataclass
class Survivors:
    """Connections that send requests until they are told to stop, or until the server goes away."""

    port: int
    ids: itertools.count[int]
    answered: set[int] = field(default_factory=set)
    broken: dict[int, str] = field(default_factory=dict)
    """Ids of requests that got no answer, with what happened."""
    stopping: bool = False

    async def keep_alive(self, *, ms: int) -> None:
        """Requests on one connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while not self.stopping and await self._once(reader, writer, f"/work?ms={ms}"):
            pass
        writer.close()

    async def reconnect(self) -> None:
        """A connection for every request."""
        while not self.stopping:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                return
            alive = await self._once(reader, writer, "/work?ms=1")
            writer.close()
            if not alive:
                return

    async def upload(self) -> None:
        """Bodies in several pieces, on one connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while not self.stopping and await self._once(reader, writer, "/upload?", (b"u" * 5000,) * 4):
            pass
        writer.close()

    async def _once(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        target: str,
        pieces: tuple[bytes, ...] = (),
    ) -> bool:
        number = next(self.ids)
        try:
            body = await asyncio.wait_for(request(reader, writer, f"{target}&id={number}", pieces), 30)
        except (*RETRIABLE, TimeoutError) as error:
            self.broken[number] = repr(error)
            return False
        if int(body) != (sum(map(len, pieces)) or number):
            raise WrongAnswer(f"{target}: {body!r}")
        self.answered.add(number)
        return True
