"""Answers each request with the scope that the server gave it, every value with its type."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

#: What lifespan put into the state, to see that requests share the values but not the dict.
SHARED: list[str] = []


def describe(value: Any) -> Any:
    """`value` as JSON that tells bytes, tuples and lists apart."""
    if isinstance(value, bytes):
        return {"bytes": value.decode("latin-1")}
    if isinstance(value, tuple):
        return {"tuple": [describe(item) for item in value]}
    if isinstance(value, list):
        return {"list": [describe(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": {str(key): describe(value[key]) for key in sorted(value)}}
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return {"str": value}
    return {"type": type(value).__name__}


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """The ASGI app."""
    if scope["type"] == "lifespan":
        await lifespan(scope, receive, send)
        return
    report = json.dumps(describe(scope), indent=1).encode()
    # Changes made here must not be seen by the next request (traps 15 and 16).
    scope["headers"].append((b"x-added-by-app", b"1"))
    scope["asgi"]["added"] = "by app"
    if "state" in scope:
        scope["state"]["added"] = "by app"
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": report.decode()})
        await send({"type": "websocket.close"})
        return
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(report)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": report})


async def lifespan(scope: Message, receive: Receive, send: Send) -> None:
    """Fills the state, so that requests can show their copy."""
    await receive()
    scope["state"].update({"started": True, "shared": SHARED, "scope": sorted(scope)})
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
