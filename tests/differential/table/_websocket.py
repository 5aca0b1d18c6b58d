"""Shorthands for WebSocket cases."""

from __future__ import annotations

from ..harness.case import Case, Eof, Expect, Frames, Journal, Send, Step
from ..harness.websocket import TEXT, close, frame
from ._build import Fields, request

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE: tuple[tuple[str, str], ...] = (
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
)


def handshake(
    target: str, fields: Fields = (), *, replace: Fields | None = None, version: str = "HTTP/1.1"
) -> bytes:
    """The bytes of an opening handshake (RFC 6455 section 4.1); `replace` replaces the usual fields."""
    base: Fields = UPGRADE if replace is None else replace
    return request(target=target, fields=[*base, *fields], version=version)


def conversation(
    id: str,
    target: str,
    *steps: Step,
    app: str = "websocket",
    key: str = "",
    fields: Fields = (),
    logs: bool = False,
) -> Case:
    """A handshake and what follows; with `key` the app's notes are compared, which waits for its end."""
    data = handshake(f"{target}?{key}" if key else target, fields)
    last: tuple[Step, ...] = (Journal(key),) if key else ()
    return Case(id, app, (Send(data), Expect(), *steps, *last), logs=logs)


def ends(count: int = 1) -> tuple[Step, ...]:
    """Read `count` frames, the last one the server's Close; answer it and wait for the end."""
    return (Frames(count), Send(close()), Eof())


def text(data: str) -> Send:
    """A text message."""
    return Send(frame(TEXT, data.encode()))


def denied(id: str, data: bytes, app: str = "websocket") -> Case:
    """A handshake that is answered by an HTTP response."""
    return Case(id, app, (Send(data), Expect(), Eof()))
