"""WebSocket behaviours by path, and the probe, gates and journals of the protocol app over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

from . import protocol
from .protocol_common import Message, Receive, Send
from .protocol_lifetime import ENDED, GATES, JOURNALS


def describe(message: Message) -> str:
    """A received message, its keys in order; enum members as the numbers that they are."""
    plain = {key: int(value) if isinstance(value, int) else value for key, value in message.items()}
    return ",".join(f"{key}={plain[key]!r}" for key in sorted(plain))


async def accept(send: Send, **keys: Any) -> None:
    """`websocket.accept`."""
    await send({"type": "websocket.accept", **keys})


async def text(send: Send, data: str) -> None:
    """A text message."""
    await send({"type": "websocket.send", "text": data})


async def deny(send: Send, status: int, headers: list[tuple[bytes, bytes]], *parts: bytes) -> None:
    """The denial response extension."""
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    for number, part in enumerate(parts, 1):
        await send({"type": "websocket.http.response.body", "body": part, "more_body": number < len(parts)})


async def echo(receive: Receive, send: Send) -> None:
    """Sends each message back until `bye` or the client leaves."""
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        if message.get("text") == "bye":
            await send({"type": "websocket.close", "code": 4001, "reason": "you said bye"})
            return
        reply = {key: message[key] for key in ("text", "bytes") if message.get(key) is not None}
        await send({"type": "websocket.send", **reply})


async def app(scope: Message, receive: Receive, send: Send) -> Any:
    """The ASGI app."""
    if scope["type"] != "websocket":
        return await protocol.app(scope, receive, send)
    path, _, argument = scope["path"][1:].partition("/")
    key = scope["query_string"].decode()
    notes = JOURNALS[key]
    try:
        if path != "no-connect":
            notes.append(describe(await receive()))
        return await BEHAVIOURS[path](scope, receive, send, argument, notes)
    finally:
        if key:
            ENDED[key].set()


async def ws_echo(scope: Message, receive: Receive, send: Send, argument: str, notes: list[str]) -> None:
    """Accepts and echoes."""
    await accept(send)
    await echo(receive, send)


async def ws_describe(scope: Message, receive: Receive, send: Send, argument: str, notes: list[str]) -> None:
    """Sends a description of each message received, and notes it."""
    await accept(send)
    while True:
        message = await receive()
        notes.append(describe(message))
        if message["type"] == "websocket.disconnect":
            return
        await text(send, describe(message))


async def ws_subprotocol(
    scope: Message, receive: Receive, send: Send, argument: str, notes: list[str]
) -> None:
    """Chooses by index; sends the list that was offered (trap 8)."""
    offered = scope["subprotocols"]
    chosen = (
        None if argument == "none" else argument[1:] if argument.startswith("=") else offered[int(argument)]
    )
    await accept(send, subprotocol=chosen)
    await text(send, repr(offered))
    await send({"type": "websocket.close"})


async def ws_headers(scope: Message, receive: Receive, send: Send, argument: str, notes: list[str]) -> None:
    """Headers of the app in the 101."""
    sets: dict[str, Any] = {
        "two": [(b"x-a", b"1"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")],
        "upper": [(b"X-Upper", b"1")],
        "latin": [(b"x-a", b"gr\xfcn")],
        "tuple": ((b"x-a", b"1"),),
        "crlf": [(b"x-a", b"1\r\nx-b: 2")],
        "protocol": [(b"sec-websocket-protocol", b"chat")],
    }
    await accept(send, headers=sets[argument])
    await send({"type": "websocket.close"})


async def ws_close(scope: Message, receive: Receive, send: Send, argument: str, notes: list[str]) -> None:
    """Accepts, then closes with a code and a reason; the disconnect must follow (trap 6)."""
    forms: dict[str, dict[str, Any]] = {
        "default": {},
        "code": {"code": 3000},
        "reason": {"code": 4000, "reason": "because"},
        "none": {"code": 1000, "reason": None},
        "utf8": {"code": 1000, "reason": "gr\u00fcn"},
        "long": {"code": 1000, "reason": "r" * 124},
        "1001": {"code": 1001},
        "1005": {"code": 1005},
        "1006": {"code": 1006},
        "999": {"code": 999},
        "5000": {"code": 5000},
    }
    await accept(send)
    await send({"type": "websocket.close", **forms[argument]})
    notes.append(describe(await receive()))


async def ws_refuse(scope: Message, receive: Receive, send: Send, argument: str, notes: list[str]) -> None:
    """Closes before accepting: 403 (trap 9); receive then disconnects (trap 7)."""
    await send({"type": "websocket.close", "code": 4003, "reason": "no"})
    notes.append(describe(await receive()))


async def ws_deny(scope: Message, receive: Receive, send: Send, argument: str, notes: list[str]) -> None:
    """Denial responses (ASGI extension websocket.http.response)."""
    plain = (b"content-type", b"text/plain")
    if argument == "one":
        await deny(send, 401, [plain, (b"content-length", b"4"), (b"x-a", b"1")], b"nope")
    elif argument == "parts":
        await deny(send, 404, [plain], b"no", b"pe", b"")
    elif argument == "bare":
        await deny(send, 403, [], b"nope")
    elif argument == "empty":
        await deny(send, 400, [], b"")
    elif argument == "odd":
        await deny(send, 499, [], b"odd")
    elif argument == "upper":
        await deny(send, 429, [(b"Retry-After", b"3"), (b"Content-Length", b"0")], b"")
    elif argument == "200":
        await deny(send, 200, [plain], b"fine")
    elif argument == "unfinished":
        await send({"type": "websocket.http.response.start", "status": 401, "headers": []})
        return
    elif argument == "status":
        await deny(send, 700, [], b"")
    notes.append(describe(await receive()))


async def ws_raise(scope: Message, receive: Receive, send: Send, argument: str, notes: list[str]) -> None:
    """Raises before or after the handshake."""
    if argument != "before":
        await accept(send)
    if argument == "sent":
        await text(send, "one")
    raise RuntimeError("on purpose")


async def ws_return(scope: Message, receive: Receive, send: Send, argument: str, notes: list[str]) -> Any:
    """Returns before or after the handshake, without closing (trap 9)."""
    if argument != "before":
        await accept(send)
    return "value" if argument == "value" else None


async def ws_wrong(scope: Message, receive: Receive, send: Send, argument: str, notes: list[str]) -> None:
    """Messages in the wrong order; reports what `send` raised."""
    if argument == "send-first":
        try:
            await text(send, "early")
        except Exception as error:
            await accept(send)
            await text(send, f"{type(error).__name__}: {error}")
            await send({"type": "websocket.close"})
            return
    await accept(send)
    if argument == "accept-twice":
        try:
            await accept(send)
        except Exception as error:
            await text(send, f"{type(error).__name__}: {error}")
        await send({"type": "websocket.close"})
    elif argument == "after-close":
        await send({"type": "websocket.close"})
        try:
            await text(send, "late")
        except Exception as error:
            notes.append(f"{type(error).__name__}: {error}")
    elif argument == "http":
        try:
            await send({"type": "http.response.start", "status": 200})
        except Exception as error:
            await text(send, f"{type(error).__name__}: {error}")
        await send({"type": "websocket.close"})


async def ws_send(scope: Message, receive: Receive, send: Send, argument: str, notes: list[str]) -> None:
    """Forms of `websocket.send`."""
    await accept(send)
    forms: dict[str, dict[str, Any]] = {
        "text": {"text": "text"},
        "bytes": {"bytes": b"bytes"},
        "text-none": {"text": "text", "bytes": None},
        "bytes-none": {"bytes": b"bytes", "text": None},
        "empty-text": {"text": ""},
        "empty-bytes": {"bytes": b""},
        "both": {"text": "text", "bytes": b"bytes"},
        "neither": {},
        "large": {"text": "x" * 70000},
        "medium": {"bytes": b"y" * 200},
        "unicode": {"text": "\U0001f600 gr\u00fcn"},
    }
    await send({"type": "websocket.send", **forms[argument]})
    await send({"type": "websocket.close"})


async def ws_wait(scope: Message, receive: Receive, send: Send, argument: str, notes: list[str]) -> None:
    """Accepts only when the gate opens, so that the client can leave before (trap 7)."""
    await GATES[argument].wait()
    del GATES[argument]
    try:
        await accept(send)
        notes.append("accepted")
    except OSError:
        notes.append("OSError")
    notes.append(describe(await receive()))


async def ws_leave(scope: Message, receive: Receive, send: Send, argument: str, notes: list[str]) -> None:
    """Waits for the client to leave, then sends: an OSError that must not be logged (trap 5)."""
    await accept(send)
    await text(send, "ready")
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            notes.append(describe(message))
            break
    try:
        await text(send, "late")
        notes.append("sent")
    except OSError:
        notes.append("OSError")
        raise


async def ws_burst(scope: Message, receive: Receive, send: Send, argument: str, notes: list[str]) -> None:
    """Many messages at once."""
    await accept(send)
    for number in range(int(argument)):
        await text(send, str(number))
    await send({"type": "websocket.close"})


async def ws_concurrent(
    scope: Message, receive: Receive, send: Send, argument: str, notes: list[str]
) -> None:
    """Receives and sends in two tasks."""
    await accept(send)

    async def talk() -> None:
        for number in range(3):
            await text(send, str(number))

    await asyncio.gather(talk(), receive())
    await text(send, "both done")
    await send({"type": "websocket.close"})


BEHAVIOURS = {
    "echo": ws_echo,
    "no-connect": ws_echo,
    "describe": ws_describe,
    "subprotocol": ws_subprotocol,
    "headers": ws_headers,
    "close": ws_close,
    "refuse": ws_refuse,
    "deny": ws_deny,
    "raise": ws_raise,
    "return": ws_return,
    "wrong": ws_wrong,
    "send": ws_send,
    "wait": ws_wait,
    "leave": ws_leave,
    "burst": ws_burst,
    "concurrent": ws_concurrent,
}
