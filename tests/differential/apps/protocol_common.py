"""Types and helpers of the protocol app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Handler = Callable[[Message, Receive, Send, dict[str, str]], Awaitable[Any]]


async def start(send: Send, status: int = 200, headers: Any = ()) -> None:
    """`http.response.start`."""
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def body(send: Send, data: Any = b"", *, more: bool = False) -> None:
    """`http.response.body`."""
    await send({"type": "http.response.body", "body": data, "more_body": more})


async def reply(send: Send, data: bytes, *, status: int = 200) -> None:
    """A plain text response with its length."""
    await start(
        send, status, [(b"content-type", b"text/plain"), (b"content-length", str(len(data)).encode())]
    )
    await body(send, data)


async def read(receive: Receive) -> bytes:
    """The whole request body."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise RuntimeError(f"unexpected {message['type']}")
        parts.append(message["body"])
        if not message["more_body"]:
            return b"".join(parts)
