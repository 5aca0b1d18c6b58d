"""How an app reads request bodies and writes response bodies."""

from __future__ import annotations

import hashlib
from typing import Any

from .protocol_common import Handler, Message, Receive, Send, body, read, reply, start

Query = dict[str, str]


async def plain(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """A constant."""
    await reply(send, b"ok")


async def method(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """The method as the app sees it."""
    await reply(send, f"{scope['method']} {scope['http_version']}".encode())


async def echo(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """The request body."""
    await reply(send, await read(receive))


async def digest(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Length and hash of the request body."""
    data = await read(receive)
    await reply(send, f"{len(data)} {hashlib.sha256(data).hexdigest()}".encode())


async def keys(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Keys and types of the first `http.request` message."""
    message = await receive()
    await reply(send, ", ".join(f"{key}={type(message[key]).__name__}" for key in sorted(message)).encode())


async def ignore(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Answers without reading the body (trap 26)."""
    await reply(send, b"ignored")


async def first_part(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Reads one message, answers, never reads the rest (trap 26)."""
    message = await receive()
    await reply(send, b"first part has bytes" if message["body"] else b"first part is empty", status=413)


async def duplex(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Starts the response, then sends back each part of the body as it arrives."""
    await start(send)
    await body(send, b"go;", more=True)
    while True:
        message = await receive()
        if message["body"]:
            await body(send, message["body"], more=True)
        if not message["more_body"]:
            break
    await body(send, b";end")


async def late(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Reads the body only after the response has started (trap 25: no 100 after a final head)."""
    await start(send)
    data = await read(receive)
    await body(send, data)


async def stream(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """`n` parts of `size` bytes; `last=1` puts bytes into the final message too."""
    await start(send, headers=[(b"content-type", b"text/plain")])
    size = int(query.get("size", "3"))
    for number in range(int(query.get("n", "3"))):
        await body(send, b"%d" % (number % 10) * size, more=True)
    await body(send, b"last" if query.get("last") else b"")


async def stream_length(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Three parts under a Content-Length."""
    await start(send, headers=[(b"content-length", b"9")])
    for part in (b"aaa", b"bbb"):
        await body(send, part, more=True)
    await body(send, b"ccc")


async def stream_empty_parts(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Empty parts between others must not end a chunked body."""
    await start(send)
    for part in (b"", b"a", b"", b"", b"b", b""):
        await body(send, part, more=True)
    await body(send, b"")


async def no_length(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """One part, no length."""
    await start(send)
    await body(send, b"unknown length")


async def empty(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """No headers, no content."""
    await start(send)
    await body(send)


async def empty_length(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """`content-length: 0`."""
    await start(send, headers=[(b"content-length", b"0")])
    await body(send)


async def minimal(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Messages without their optional keys."""
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body"})


async def extra_keys(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Messages with keys no one has heard of."""
    await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": False, "x": 1})
    await send({"type": "http.response.body", "body": b"extra", "more_body": False, "x": 1})


async def large(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """One part of `size` bytes with its length."""
    await reply(send, b"L" * int(query["size"]))


async def body_type(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """A body that is bytes-like, or not."""
    values: dict[str, Any] = {
        "bytearray": bytearray(b"12345"),
        "memoryview": memoryview(b"12345"),
        "str": "12345",
        "none": None,
        "int": 5,
        "list": [1, 2, 3],
    }
    if query.get("length"):
        await start(send, headers=[(b"content-length", b"5")])
    else:
        await start(send)
    await body(send, values[query["is"]])


async def status(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Status `code` with or without content and length."""
    data = query.get("body", "").encode()
    headers = [(b"content-length", str(len(data)).encode())] if query.get("length") else []
    await start(send, int(query["code"]), headers)
    await body(send, data)


async def status_type(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """A status that is no plain int in range."""
    import http

    values: dict[str, Any] = {
        "enum": http.HTTPStatus.CREATED,
        "bool": True,
        "str": "200",
        "none": None,
        "float": 200.0,
        "zero": 0,
        "negative": -1,
        "99": 99,
        "600": 600,
        "999": 999,
        "1000": 1000,
        "huge": 1 << 70,
    }
    await start(send, values[query["is"]], [(b"content-length", b"2")])
    await body(send, b"ok")


HANDLERS: dict[str, Handler] = {
    "/probe": plain,
    "/plain": plain,
    "/method": method,
    "/echo": echo,
    "/digest": digest,
    "/keys": keys,
    "/ignore": ignore,
    "/first-part": first_part,
    "/duplex": duplex,
    "/late": late,
    "/stream": stream,
    "/stream-length": stream_length,
    "/stream-empty-parts": stream_empty_parts,
    "/no-length": no_length,
    "/empty": empty,
    "/empty-length": empty_length,
    "/minimal": minimal,
    "/extra-keys": extra_keys,
    "/large": large,
    "/body-type": body_type,
    "/status": status,
    "/status-type": status_type,
}
