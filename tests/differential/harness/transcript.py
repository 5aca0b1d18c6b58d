"""Runs a case against a server and keeps what came back, with the values that must differ taken out."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from . import case as steps
from .case import Case
from .servers import Server
from .websocket import Frame, read_frame
from .wire import Closed, Connection, Hung, Malformed, Response

PROBE = b"GET /probe HTTP/1.1\r\nHost: probe\r\n\r\n"
MONTHS = rb"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
IMF_FIXDATE = re.compile(rb"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d " + MONTHS + rb" \d{4} \d\d:\d\d:\d\d GMT")
_HELPERS = tuple(f'"GET /{path}' for path in ("probe", "mark", "release", "journal"))
SERVER_NAMES = (b"uvicorn", b"turboapi")


@dataclass
class Note:
    """An observation that is neither a response nor a frame: `closed`, `kept`, `raw`, `journal`, `hung`."""

    kind: str
    value: str = ""


Event: TypeAlias = Response | Frame | Note


@dataclass
class Transcript:
    """What a client of one case observed."""

    events: list[Event] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    client_port: int = 0

    def access_lines(self, log: list[str]) -> list[str]:
        """The lines of an access log that speak of this case's connection, without its address."""
        address = f"127.0.0.1:{self.client_port} - "
        lines = [line.partition(address)[2] for line in log if address in line]
        # A helper request of the harness may have had the same port at another time.
        return [line for line in lines if not line.startswith(_HELPERS)]

    def summary(self) -> str:
        """One line, such as `200 kept` or `400 closed`."""
        words = []
        for event in self.events:
            if isinstance(event, Response):
                words.append(f"{event.status}{'' if event.complete else ' cut'}")
            elif isinstance(event, Frame):
                words.append(f"frame-{event.opcode:x}")
            else:
                words.append(event.kind)
        return " ".join(words)


def run(case: Case, server: Server) -> Transcript:
    """Play the steps of `case` and record."""
    transcript = Transcript()
    if case.logs:
        server.take_log()
    try:
        connection = Connection(server.address)
    except OSError as error:
        transcript.events.append(Note("refused", type(error).__name__))
        return transcript
    transcript.client_port = connection.local_port
    player = _Player(server, connection, transcript.events)
    try:
        for step in case.steps:
            player.play(step)
        rest = connection.take_rest()
        # What a client has not read when it leaves depends on the network.
        if rest and connection.open:
            transcript.events.append(Note("extra", repr(rest)))
    except Hung:
        transcript.events.append(Note("hung", repr(connection.take_rest())))
    except Malformed as error:
        transcript.events.append(Note("malformed", str(error)))
    finally:
        connection.close()
    if case.logs:
        transcript.log = server.take_log()
    _normalise(transcript, server.address)
    return transcript


class _Player:
    def __init__(self, server: Server, connection: Connection, events: list[Event]) -> None:
        self._server, self._connection, self._events = server, connection, events
        self._closing = False
        self._play: dict[type, Callable[..., None]] = {
            steps.Send: self._send,
            steps.Expect: self._expect,
            steps.Interim: self._head,
            steps.Head: self._head,
            steps.Raw: self._raw,
            steps.Chunk: self._chunk,
            steps.Frames: self._frames,
            steps.Eof: self._eof,
            steps.Sync: self._sync,
            steps.Release: self._release,
            steps.Journal: self._journal,
            steps.HalfClose: lambda _: self._connection.half_close(),
            steps.Close: lambda step: self._connection.close(reset=step.reset),
            steps.Probe: self._probe,
        }

    def play(self, step: steps.Step) -> None:
        try:
            self._play[type(step)](step)
        except Closed:
            self._closing = True
            self._note("closed", repr(self._connection.take_rest()))

    def _note(self, kind: str, value: str = "") -> None:
        # A connection that is found closed by several steps in a row is one observation.
        if not (kind == "closed" and self._events and self._events[-1] == Note(kind, value)):
            self._events.append(Note(kind, value))

    def _send(self, step: steps.Send) -> None:
        self._connection.send(step.data)

    def _expect(self, step: steps.Expect) -> None:
        while True:
            response = self._connection.read_response(method=step.method)
            self._events.append(response)
            if response.status >= 200 or response.status == 101:
                break
        self._closing = self._closing or (response.status >= 200 and response.announces_close)

    def _head(self, _: steps.Head) -> None:
        self._events.append(self._connection.read_head())

    def _raw(self, step: steps.Raw) -> None:
        self._note("raw", repr(self._connection.read_exactly(step.count)))

    def _chunk(self, _: steps.Chunk) -> None:
        line = self._connection.read_line()
        try:
            size = int(line, 16)
        except ValueError as error:
            raise Malformed(f"chunk size {line!r}") from error
        self._note("chunk", repr(self._connection.read_exactly(size + 2)))

    def _frames(self, step: steps.Frames) -> None:
        for _ in range(step.count):
            self._events.append(read_frame(self._connection))

    def _eof(self, _: steps.Eof) -> None:
        self._note("closed", repr(self._connection.read_to_end()))

    def _sync(self, _: steps.Sync) -> None:
        self._server.ask("/probe")

    def _release(self, step: steps.Release) -> None:
        self._server.ask(f"/release?key={step.key}")

    def _journal(self, step: steps.Journal) -> None:
        self._note("journal", self._server.ask(f"/journal?key={step.key}").decode())

    def _probe(self, _: steps.Probe) -> None:
        if self._closing:
            self._note("closed", repr(self._connection.read_to_end()))
            return
        # The server may close only after the app has unwound: a request elsewhere gives it the time.
        self._server.ask("/probe")
        self._connection.send(PROBE)
        # A server that closes may answer the probe with RST: both mean that it takes no request.
        response = self._connection.read_response(method=b"GET")
        self._note("kept", response.status_line.decode("latin-1"))


def _normalise(transcript: Transcript, address: tuple[str, int] | str) -> None:
    # The names are as long as what they replace, so lengths stay comparable.
    if isinstance(address, str):
        substitutions = [(re.compile(re.escape(address.encode())), b"<socket path>")]
    else:
        ports = {transcript.client_port: b"CPORT", address[1]: b"SPORT"}
        substitutions = [(re.compile(rb"(?<!\d)%d(?!\d)" % port), name) for port, name in ports.items()]

    def clean(data: bytes) -> bytes:
        for pattern, name in substitutions:
            data = pattern.sub(name, data)
        return data

    for event in transcript.events:
        if isinstance(event, Frame):
            event.payload = clean(event.payload)
        elif isinstance(event, Note):
            event.value = IMF_FIXDATE.sub(b"<date>", clean(event.value.encode())).decode()
        else:
            event.headers = [
                (name, _header_value(name.lower(), clean(value))) for name, value in event.headers
            ]
            event.body = clean(event.body)
            _fix_boundary(event)
    transcript.log = [clean(line.encode()).decode() for line in transcript.log]


def _header_value(name: bytes, value: bytes) -> bytes:
    if name == b"date" and IMF_FIXDATE.fullmatch(value):
        return b"<date>"
    if name == b"server" and value in SERVER_NAMES:
        return b"<server>"
    return value


def _fix_boundary(response: Response) -> None:
    # Starlette's FileResponse draws the boundary of multipart/byteranges at random.
    for i, (name, value) in enumerate(response.headers):
        match = re.match(rb"multipart/byteranges; boundary=(\w+)$", value)
        if match and name.lower() == b"content-type":
            boundary = match[1]
            response.headers[i] = (name, value.replace(boundary, b"<boundary>"))
            response.body = response.body.replace(boundary, b"<boundary>")
