"""Compares two transcripts and names each difference by a kind, so that expectations can be exact."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .transcript import Event, Note, Transcript
from .websocket import CLOSE, Frame
from .wire import Response

#: Every kind a difference can have.
KINDS = {
    "events": "another sequence of responses, frames and connection ends",
    "status": "status code",
    "version": "HTTP version of the status line",
    "reason": "reason phrase (status line, RFC 9112 section 4)",
    "date": "count of `date` fields, or a value that is no IMF-fixdate",
    "server": "count of `server` fields, or a value of the app's",
    "header-case": "a field name that the engine writes neither as uvicorn does nor in lower case",
    "header-grouping": "same fields, those of one name side by side (order within a name kept)",
    "header-order": "same fields in another order",
    "headers": "other fields or values",
    "framing": "content-length, chunked, until close",
    "chunking": "same content cut into other chunks",
    "trailers": "trailer section",
    "body": "content",
    "truncation": "one is complete, the other is cut",
    "connection": "one connection was kept, the other closed",
    "close-reason": "the reason text beside a WebSocket close code, on the wire or in the app's message",
    "frame": "a WebSocket frame",
    "note": "raw bytes, journal or other observation",
    "log": "lines of the error log",
    "access-log": "lines of the access log (compared once the servers have ended, where the wire was equal)",
}


@dataclass(frozen=True)
class Difference:
    """One difference: its kind, where in the transcript, and both sides."""

    kind: str
    where: str
    reference: str
    engine: str

    def __str__(self) -> str:
        return f"{self.kind} at {self.where}\n    reference: {self.reference}\n    engine:    {self.engine}"


def compare(reference: Transcript, engine: Transcript) -> list[Difference]:
    """All differences, none if the two are equal."""
    found: list[Difference] = []
    if _shape(reference.events) != _shape(engine.events):
        found.append(Difference("events", "case", _describe(reference.events), _describe(engine.events)))
    else:
        for index, (left, right) in enumerate(zip(reference.events, engine.events, strict=True)):
            where = f"event {index}"
            if isinstance(left, Response) and isinstance(right, Response):
                found += _responses(where, left, right)
            elif isinstance(left, Note) and isinstance(right, Note):
                if left.kind != right.kind:
                    found.append(Difference("connection", where, _text(left), _text(right)))
                elif left != right:
                    kind = "close-reason" if _no_reason(left) == _no_reason(right) else "note"
                    found.append(Difference(kind, where, _text(left), _text(right)))
            elif left != right:
                kind = "close-reason" if _close_code(left) == _close_code(right) is not None else "frame"
                found.append(Difference(kind, where, _text(left), _text(right)))
    if reference.log != engine.log:
        found.append(Difference("log", "error log", repr(reference.log), repr(engine.log)))
    return found


def _shape(events: list[Event]) -> list[str]:
    # `closed` and `kept` share a slot, so that the rest of the transcript is still compared.
    return [
        ("end" if event.kind in ("closed", "kept") else event.kind)
        if isinstance(event, Note)
        else type(event).__name__
        for event in events
    ]


def _close_code(event: Event) -> bytes | None:
    if isinstance(event, Frame) and event.opcode == CLOSE and event.fin and not (event.rsv or event.masked):
        return event.payload[:2]
    return None


def _no_reason(note: Note) -> str:
    # The form in which the websocket app describes `websocket.disconnect`.
    return re.sub(r"reason='[^']*'", "reason", note.value)


def _text(event: Event) -> str:
    if isinstance(event, Note):
        return f"{event.kind} {event.value}".strip()
    if isinstance(event, Frame):
        return repr(event)
    return f"{event.status_line!r} {event.headers!r} {event.body[:400]!r}"


def _describe(events: list[Event]) -> str:
    return " | ".join(_text(event) for event in events)


def _responses(where: str, left: Response, right: Response) -> list[Difference]:
    found: list[Difference] = []

    def check(kind: str, a: object, b: object) -> bool:
        if a != b:
            found.append(Difference(kind, where, repr(a), repr(b)))
        return a == b

    check("version", left.status_line[:8], right.status_line[:8])
    if check("status", left.status, right.status):
        check("reason", left.status_line[12:], right.status_line[12:])
    for name in (b"date", b"server"):
        check(name.decode(), left.values(name), right.values(name))
    a, b = _own(left), _own(right)
    # Names have no case (RFC 9110 section 5.1): uvicorn capitalises some in WebSocket handshakes.
    low_a, low_b = _lower(a), _lower(b)
    if b != low_b and a != b:
        check("header-case", low_b, b)
    if low_a != low_b:
        if _grouped(low_a) == low_b:
            check("header-grouping", a, b)
        elif sorted(low_a) == sorted(low_b):
            check("header-order", a, b)
        else:
            check("headers", a, b)
    check("framing", left.framing, right.framing)
    if check("body", left.body, right.body) and left.framing == right.framing:
        check("chunking", left.chunks, right.chunks)
    check("trailers", left.trailers, right.trailers)
    check("truncation", left.complete, right.complete)
    return found


def _own(response: Response) -> list[tuple[bytes, bytes]]:
    # `date` and `server` are compared apart: their place in the list is the server's business.
    return [(name, value) for name, value in response.headers if name.lower() not in (b"date", b"server")]


def _lower(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower(), value) for name, value in fields]


def _grouped(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    names = list(dict.fromkeys(name for name, _ in fields))
    return [(name, value) for wanted in names for name, value in fields if name == wanted]
