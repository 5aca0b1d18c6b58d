"""What the test apps are made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]
Headers: TypeAlias = Iterable[tuple[bytes, bytes]]


def start(status: int = 200, headers: Headers = ()) -> Message:
    """The head of a response."""
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def body(data: bytes = b"", *, more: bool = False) -> Message:
    """A part of a response, by default the last."""
    return {"type": "http.response.body", "body": data, "more_body": more}


async def reply(send: Send, data: bytes = b"ok", status: int = 200, headers: Headers = ()) -> None:
    """A whole response of known length."""
    await send(start(status, [(b"content-length", str(len(data)).encode()), *headers]))
    await send(body(data))


async def read_body(receive: Receive) -> bytes:
    """The request body; AssertionError if the client goes before its end."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        assert message["type"] == "http.request", message
        parts.append(message["body"])
        if not message["more_body"]:
            return b"".join(parts)


async def ok(scope: Message, receive: Receive, send: Send) -> None:
    """Answers `ok` without a look at the request."""
    await reply(send)
