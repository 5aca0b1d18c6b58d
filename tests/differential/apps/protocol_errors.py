"""Apps that raise, return early, or send what the protocol forbids."""

from __future__ import annotations

import asyncio
from typing import Any

from .protocol_common import Handler, Message, Receive, Send, body, read, reply, start

Query = dict[str, str]


class Broken(Exception):
    """Raised by the app on purpose."""


async def raise_before(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Before the response."""
    raise Broken("before start")


async def raise_after_read(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """After the body was read."""
    await read(receive)
    raise Broken("after read")


async def raise_after_start(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """After the head."""
    await start(send)
    raise Broken("after start")


async def raise_after_start_length(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """After a head with a length."""
    await start(send, headers=[(b"content-length", b"10")])
    raise Broken("after start")


async def raise_after_part(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """In the middle of a chunked body (trap 54)."""
    await start(send)
    await body(send, b"part", more=True)
    raise Broken("after part")


async def raise_after_part_length(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """In the middle of a body of known length."""
    await start(send, headers=[(b"content-length", b"10")])
    await body(send, b"part", more=True)
    raise Broken("after part")


async def raise_after_complete(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """After the last byte."""
    await reply(send, b"complete")
    raise Broken("after complete")


async def raise_cancelled(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """CancelledError before the response."""
    raise asyncio.CancelledError


async def raise_base(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """An exception that is no Exception."""
    raise GeneratorExit("base")


async def raise_oserror(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """An OSError of the app's own is an app error, unlike one that `send` raised (trap 5)."""
    raise OSError("of the app")


async def return_early(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """No response at all."""


async def return_after_start(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """A head only."""
    await start(send)


async def return_after_start_length(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """A head with a length only."""
    await start(send, headers=[(b"content-length", b"10")])


async def return_after_part(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Never says that the body is complete."""
    await start(send)
    await body(send, b"part", more=True)


async def return_value(scope: Message, receive: Receive, send: Send, query: Query) -> Any:
    """A complete response, then a return value that is not None."""
    await reply(send, b"complete")
    return "value"


async def return_value_early(scope: Message, receive: Receive, send: Send, query: Query) -> Any:
    """A return value instead of a response."""
    return {"not": "asgi"}


async def length_short(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Fewer bytes than announced (trap 18)."""
    await start(send, headers=[(b"content-length", b"10")])
    await body(send, b"short")


async def length_short_empty(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """No bytes where ten were announced."""
    await start(send, headers=[(b"content-length", b"10")])
    await body(send)


async def length_long(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """More bytes than announced, in one message (trap 18)."""
    await start(send, headers=[(b"content-length", b"5")])
    await body(send, b"0123456789")


async def length_long_second(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """More bytes than announced, in the second message."""
    await start(send, headers=[(b"content-length", b"5")])
    await body(send, b"01234", more=True)
    await body(send, b"56789")


async def length_exact_then_empty(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """All bytes, then an empty last message: correct."""
    await start(send, headers=[(b"content-length", b"5")])
    await body(send, b"01234", more=True)
    await body(send)


async def length_invalid(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """A Content-Length that is no number."""
    await start(send, headers=[(b"content-length", b"ten")])
    await body(send, b"0123456789")


async def length_twice(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Two equal Content-Length fields."""
    await start(send, headers=[(b"content-length", b"2"), (b"content-length", b"2")])
    await body(send, b"ok")


async def start_twice(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Two heads."""
    await start(send, headers=[(b"content-length", b"2")])
    await start(send, 404)
    await body(send, b"ok")


async def body_first(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """A body without a head."""
    await body(send, b"no head")


async def body_after_complete(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """A second body after the last one."""
    await reply(send, b"complete")
    await body(send, b"more")


async def unknown_type(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """A message type no server knows, first."""
    await send({"type": "http.response.nonsense"})


async def unknown_type_later(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """A message type no server knows, after the head."""
    await start(send)
    await send({"type": "http.response.nonsense"})


async def caught(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Catches what `send` raises for a wrong message and reports its type and text."""
    try:
        await body(send, b"no head")
    except Exception as error:
        await reply(send, f"{type(error).__name__}: {error}".encode())


async def caught_late(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """The same after the head, reported in the body."""
    await start(send)
    try:
        await start(send)
    except Exception as error:
        await body(send, f"{type(error).__name__}: {error}".encode())


async def no_type(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """A message without a type."""
    await send({"status": 200})


async def no_status(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """A head without a status."""
    await send({"type": "http.response.start"})


HANDLERS: dict[str, Handler] = {
    "/" + function.__name__.replace("_", "-"): function
    for function in (
        raise_before,
        raise_after_read,
        raise_after_start,
        raise_after_start_length,
        raise_after_part,
        raise_after_part_length,
        raise_after_complete,
        raise_cancelled,
        raise_base,
        raise_oserror,
        return_early,
        return_after_start,
        return_after_start_length,
        return_after_part,
        return_value,
        return_value_early,
        length_short,
        length_short_empty,
        length_long,
        length_long_second,
        length_exact_then_empty,
        length_invalid,
        length_twice,
        start_twice,
        body_first,
        body_after_complete,
        unknown_type,
        unknown_type_later,
        caught,
        caught_late,
        no_type,
        no_status,
    )
}
