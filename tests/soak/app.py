"""What the soak serves: a raw ASGI app that keeps account of every request it was given."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

IDS = 4_000_000
"""Ids are below this. The accounts are arrays of fixed size, so that they do not look like a leak."""
CHUNK = b"s" * 65536

started = bytearray(IDS)
finished = bytearray(IDS)
gauges = {"active": 0, "streamed": 0}


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Routes by path; `id` marks a request in the accounts."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    if scope["type"] == "websocket":
        await _echo(receive, send)
        return
    query = {key: int(values[0]) for key, values in parse_qs(scope["query_string"].decode()).items()}
    number = query.get("id")
    if number is not None:
        started[number] = 1
    gauges["active"] += 1
    try:
        await _handlers[scope["path"]](query, receive, send)
    finally:
        gauges["active"] -= 1
    if number is not None:
        finished[number] = 1


async def _lifespan(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    if report := os.environ.get("SOAK_REPORT"):
        Path(report).write_bytes(started + finished)
    await send({"type": "lifespan.shutdown.complete"})


async def _echo(receive: Receive, send: Send) -> None:
    """Sends every WebSocket message back."""
    await receive()
    await send({"type": "websocket.accept"})
    gauges["active"] += 1
    try:
        while (message := await receive())["type"] == "websocket.receive":
            # A client that has gone is reported by an OSError (ASGI specification, version 2.4).
            with contextlib.suppress(OSError):
                await send({"type": "websocket.send", "bytes": message["bytes"]})
    finally:
        gauges["active"] -= 1


async def _work(query: dict[str, int], receive: Receive, send: Send) -> None:
    """Answers with its id after `ms` milliseconds."""
    await asyncio.sleep(query.get("ms", 0) / 1000)
    await _respond(send, b"%d" % query["id"])


async def _upload(query: dict[str, int], receive: Receive, send: Send) -> None:
    """Answers with the size of the body."""
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        if not message.get("more_body", False):
            break
    await _respond(send, b"%d" % size)


async def _stream(query: dict[str, int], receive: Receive, send: Send) -> None:
    """Sends `bytes` bytes, unless the client goes away."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    gone = asyncio.ensure_future(_until_disconnect(receive))
    left = query["bytes"]
    try:
        while left and not gone.done():
            chunk = CHUNK[:left]
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            left -= len(chunk)
            gauges["streamed"] += len(chunk)
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()


async def _until_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _stats(query: dict[str, int], receive: Receive, send: Send) -> None:
    tasks = len(asyncio.all_tasks())
    await _respond(send, json.dumps({**gauges, "tasks": tasks}).encode())


async def _respond(send: Send, body: bytes) -> None:
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


_handlers = {"/work": _work, "/upload": _upload, "/stream": _stream, "/stats": _stats}
