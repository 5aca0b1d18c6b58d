"""What an app learns about its connection, and what runs around the response. Gates replace sleeps."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextvars import ContextVar
from typing import Any

from .protocol_common import Handler, Message, Receive, Send, body, read, reply, start

Query = dict[str, str]
GATES: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
JOURNALS: defaultdict[str, list[str]] = defaultdict(list)
ENDED: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
VISITED: ContextVar[str] = ContextVar("visited", default="nothing")


async def release(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Opens the gate `key`."""
    GATES[query["key"]].set()
    await reply(send, b"released")


async def gate(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Answers once the gate `key` is open."""
    await GATES[query["key"]].wait()
    del GATES[query["key"]]
    await reply(send, b"gate " + query["key"].encode())


async def gate_stream(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Sends the head and one part at once, the rest when the gate `key` opens (trap: per-chunk flush)."""
    await start(send, headers=[(b"content-type", b"text/event-stream")])
    await body(send, b"data: 1\n\n", more=True)
    await GATES[query["key"]].wait()
    del GATES[query["key"]]
    await body(send, b"data: 2\n\n")


async def gate_head(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Sends the head, the body when the gate `key` opens."""
    await start(send)
    await GATES[query["key"]].wait()
    del GATES[query["key"]]
    await body(send, b"body")


async def journal(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Waits for the end of the invocation `key` and tells what it wrote down."""
    await ENDED[query["key"]].wait()
    del ENDED[query["key"]]
    await reply(send, " ".join(JOURNALS.pop(query["key"], [])).encode())


def describe(message: Message) -> str:
    """A received message in short."""
    if message["type"] == "http.request":
        return f"request({len(message['body'])},{message['more_body']})"
    return ",".join(f"{key}={message[key]!r}" for key in sorted(message))


async def settle() -> None:
    """Lets everything run that is ready."""
    for _ in range(10):
        await asyncio.sleep(0)


async def receive_blocks(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """After the body, `receive()` has to wait (trap 1)."""
    await read(receive)
    waiting = asyncio.ensure_future(receive())
    await settle()
    blocked = not waiting.done()
    await reply(send, b"blocks" if blocked else b"returned " + describe(waiting.result()).encode())
    JOURNALS[query["key"]].append(describe(await waiting))
    ENDED[query["key"]].set()


async def receive_blocks_unread(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """The same for a request without a body: one empty message, then waiting."""
    first = describe(await receive())
    waiting = asyncio.ensure_future(receive())
    await settle()
    text = f"{first} then {'blocks' if not waiting.done() else describe(waiting.result())}"
    await reply(send, text.encode())
    await waiting


async def receive_after(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """`receive()` after the last byte of the response, twice (trap 2)."""
    await read(receive)
    await reply(send, b"complete")
    JOURNALS[query["key"]] += [describe(await receive()), describe(await receive())]
    ENDED[query["key"]].set()


async def receive_after_unread(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """`receive()` after the response, although the body was never read."""
    await reply(send, b"complete")
    JOURNALS[query["key"]].append(describe(await receive()))
    ENDED[query["key"]].set()


async def disconnect(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Waits for the client to go away, then sends into the void."""
    notes = JOURNALS[query["key"]]
    await start(send)
    await body(send, b"waiting", more=True)
    try:
        while True:
            message = await receive()
            notes.append(describe(message))
            if message["type"] == "http.disconnect":
                break
        notes.append(describe(await receive()))
        try:
            await body(send, b"more", more=True)
            await body(send, b"last")
            notes.append("sent")
        except OSError:
            notes.append("OSError")
    finally:
        ENDED[query["key"]].set()


async def disconnect_silent(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Waits for the client to go away without having answered; returns without a response."""
    notes = JOURNALS[query["key"]]
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            notes.append(describe(message))
            break
        if message["body"]:
            notes.append("bytes")
    ENDED[query["key"]].set()


async def disconnect_reply(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Waits for the client to go away, then answers as if nothing were."""
    notes = JOURNALS[query["key"]]
    while (await receive())["type"] != "http.disconnect":
        pass
    try:
        await reply(send, b"too late")
        notes.append("sent")
    except OSError:
        notes.append("OSError")
    ENDED[query["key"]].set()


async def disconnect_in_send(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Streams without ever calling `receive()`; notes how the client's end shows in `send()`."""
    notes = JOURNALS[query["key"]]
    await start(send)
    await body(send, b"x", more=True)
    await GATES[query["key"]].wait()
    del GATES[query["key"]]
    try:
        for _ in range(64):
            await body(send, b"y" * 65536, more=True)
        notes.append("sent")
    except OSError:
        notes.append("OSError")
    finally:
        ENDED[query["key"]].set()


async def background(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """Work after the last byte, until the gate `key` opens; the connection serves on meanwhile."""
    await reply(send, b"answered")
    await GATES[query["key"]].wait()
    del GATES[query["key"]]
    JOURNALS[query["key"]].append("background done")
    ENDED[query["key"]].set()


async def context(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """What an earlier request left in a context variable (trap: must be nothing)."""
    seen = VISITED.get()
    VISITED.set("something")
    await reply(send, seen.encode())


async def spawn(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """`send` from a child task, and `receive` at the same time."""

    async def child() -> None:
        await start(send)
        await body(send, b"child;", more=True)

    await asyncio.gather(child(), read(receive))
    await body(send, b"parent")


async def threads(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """A thread hop before the response."""
    loop = asyncio.get_running_loop()
    result: Any = await loop.run_in_executor(None, lambda: b"from a thread")
    await reply(send, result)


async def timer(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """The timer of the loop between two parts."""
    await start(send)
    await body(send, b"before;", more=True)
    await asyncio.sleep(0.001)
    await body(send, b"after")


HANDLERS: dict[str, Handler] = {
    "/" + function.__name__.replace("_", "-"): function
    for function in (
        release,
        gate,
        gate_stream,
        gate_head,
        journal,
        receive_blocks,
        receive_blocks_unread,
        receive_after,
        receive_after_unread,
        disconnect,
        disconnect_silent,
        disconnect_reply,
        disconnect_in_send,
        background,
        context,
        spawn,
        threads,
        timer,
    )
}
