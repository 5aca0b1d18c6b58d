"""The language of the table: a case is an app, an id and the steps of a client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class Send:
    """Write these bytes in one `send`."""

    data: bytes


@dataclass(frozen=True)
class Expect:
    """Read interim responses and one final response; `method` tells whether a body follows."""

    method: bytes = b"GET"


@dataclass(frozen=True)
class Interim:
    """Read one 1xx response, such as 100 (Continue)."""


@dataclass(frozen=True)
class Head:
    """Read only the head of a final response (of a stream that goes on)."""


@dataclass(frozen=True)
class Raw:
    """Read exactly `count` bytes."""

    count: int


@dataclass(frozen=True)
class Chunk:
    """Read one chunk of the response whose head was read by `Head`."""


@dataclass(frozen=True)
class Frames:
    """Read `count` WebSocket frames."""

    count: int = 1


@dataclass(frozen=True)
class Eof:
    """Read until the server closes, recording what still comes."""


@dataclass(frozen=True)
class Sync:
    """A whole request on another connection: afterwards the server has read everything sent before."""


@dataclass(frozen=True)
class Release:
    """Open the gate `key` of the protocol app from another connection."""

    key: str


@dataclass(frozen=True)
class Journal:
    """Ask the protocol app what its invocation `key` saw; waits there until that invocation has ended."""

    key: str


@dataclass(frozen=True)
class HalfClose:
    """Shut down our side for writing."""


@dataclass(frozen=True)
class Close:
    """Close our socket; with `reset`, by RST."""

    reset: bool = False


@dataclass(frozen=True)
class Probe:
    """Is the connection usable once the server has come to rest? Asks unless the server has said `close`."""


Step: TypeAlias = (
    Send
    | Expect
    | Interim
    | Head
    | Raw
    | Chunk
    | Frames
    | Eof
    | Sync
    | Release
    | Journal
    | HalfClose
    | Close
    | Probe
)


@dataclass(frozen=True)
class Case:
    """One row of the table.

    `id` tells the story and starts with `trapNN-` where DEMANDS part B has a line for it. `logs` also
    compares the error log that the case causes; the app needs a `/mark` endpoint for it.
    """

    id: str
    app: str
    steps: tuple[Step, ...]
    logs: bool = False
