"""The harness itself: it sees each kind of difference, and it is strict in both directions."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from .harness.case import Case, Expect, Probe, Send
from .harness.compare import KINDS, compare
from .harness.expectations import Expectation, judge, load
from .harness.transcript import Note, Transcript
from .harness.websocket import CLOSE, TEXT, Frame, close, frame
from .harness.wire import Closed, Connection, Malformed, Response
from .run import pair

BASE = b"HTTP/1.1 200 OK"
HEADERS = [(b"date", b"<date>"), (b"server", b"<server>"), (b"x-a", b"1"), (b"x-b", b"2"), (b"x-a", b"3")]
WITHOUT = HEADERS[2:]


def response(line: bytes = BASE, headers: list[tuple[bytes, bytes]] = HEADERS, **more: object) -> Response:
    """A response with defaults."""
    made = Response(line, list(headers))
    for name, value in more.items():
        setattr(made, name, value)
    return made


def kinds(left: list[Response | Frame | Note], right: list[Response | Frame | Note]) -> set[str]:
    """The kinds of difference between two lists of events."""
    return {difference.kind for difference in compare(Transcript(left), Transcript(right))}


@pytest.mark.parametrize(
    ("kind", "other"),
    [
        ("status", response(b"HTTP/1.1 201 OK")),
        ("reason", response(b"HTTP/1.1 200 Fine")),
        ("version", response(b"HTTP/1.0 200 OK")),
        ("date", response(headers=HEADERS[1:])),
        ("server", response(headers=[HEADERS[0], (b"server", b"own"), *WITHOUT])),
        ("header-case", response(headers=[(b"X-A", b"1"), *HEADERS[3:], *HEADERS[:2]])),
        ("header-grouping", response(headers=[*HEADERS[:3], HEADERS[4], HEADERS[3]])),
        ("header-order", response(headers=[*HEADERS[:2], HEADERS[3], HEADERS[2], HEADERS[4]])),
        ("headers", response(headers=[*HEADERS, (b"x-c", b"4")])),
        ("framing", response(framing="chunked")),
        ("chunking", response(chunks=[1, 0])),
        ("trailers", response(trailers=[(b"x", b"1")])),
        ("body", response(body=b"x")),
        ("truncation", response(complete=False)),
        ("events", Note("closed")),
    ],
)
def test_each_difference_of_responses_has_its_kind(kind: str, other: Response | Note) -> None:
    """And only that kind."""
    assert kinds([response()], [other]) == {kind}
    assert kind in KINDS


def test_place_of_date_and_server_is_free() -> None:
    """Their values and counts are compared, their place is not."""
    assert kinds([response()], [response(headers=[*WITHOUT, HEADERS[1], HEADERS[0]])]) == set()


@pytest.mark.parametrize(
    ("kind", "left", "right"),
    [
        ("connection", Note("kept"), Note("closed")),
        ("note", Note("raw", "a"), Note("raw", "b")),
        ("close-reason", Note("journal", "code=1,reason='a'"), Note("journal", "code=1,reason='b'")),
        ("note", Note("journal", "code=1,reason='a'"), Note("journal", "code=2,reason='a'")),
        ("frame", Frame(True, 0, TEXT, False, b"a"), Frame(True, 0, TEXT, False, b"b")),
        ("close-reason", Frame(True, 0, CLOSE, False, b"\3\xe8a"), Frame(True, 0, CLOSE, False, b"\3\xe8b")),
        ("frame", Frame(True, 0, CLOSE, False, b"\3\xe8a"), Frame(True, 0, CLOSE, False, b"\3\xe9a")),
    ],
)
def test_other_differences_have_their_kind(kind: str, left: Note | Frame, right: Note | Frame) -> None:
    """Notes and frames."""
    assert kinds([left], [right]) == {kind}


def test_log_lines_are_compared() -> None:
    """The error log is part of the transcript."""
    assert [d.kind for d in compare(Transcript(log=["ERROR: a"]), Transcript(log=[]))] == ["log"]


def test_expectations_are_strict_in_both_directions() -> None:
    """A difference that is not documented, one that is and does not show, and another observation."""
    entry = Expectation(("a-*",), frozenset({"status"}), "reason", "source", "404")
    ok, other = response(), response(b"HTTP/1.1 404 OK")
    differences = compare(Transcript([ok]), Transcript([other]))
    assert judge("a-1", differences, Transcript([other]), [entry]) is None
    assert "undocumented" in (judge("b-1", differences, Transcript([other]), [entry]) or "")
    assert "did not show" in (judge("a-1", [], Transcript([ok]), [entry]) or "")
    wrong = response(b"HTTP/1.1 500 OK")
    differences = compare(Transcript([ok]), Transcript([wrong]))
    assert "documented is" in (judge("a-1", differences, Transcript([wrong]), [entry]) or "")


@pytest.mark.parametrize(
    "text",
    [
        '[[difference]]\nids = ["a"]\nkinds = ["status"]\nreason = "r"\n',
        '[[difference]]\nids = ["a"]\nkinds = ["nonsense"]\nreason = "r"\nsource = "s"\n',
        '[[difference]]\nids = ["a"]\nkinds = ["status"]\nreason = "r"\nsource = "s"\ntypo = 1\n',
    ],
)
def test_incomplete_expectations_are_refused(text: str, tmp_path: Path) -> None:
    """No source, an unknown kind, an unknown key."""
    path = tmp_path / "expected.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match="entry 1"):
        load(path)


def read(data: bytes, *, method: bytes = b"GET") -> Response:
    """What the client makes of these bytes and the end of the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.sendall(data)

        thread = threading.Thread(target=serve)
        thread.start()
        connection = Connection(("127.0.0.1", int(listener.getsockname()[1])))
        try:
            return connection.read_response(method=method)
        finally:
            connection.close()
            thread.join()


def test_client_keeps_the_bytes() -> None:
    """Case, order, duplicates, chunk sizes, extensions dropped, trailers."""
    head = b"HTTP/1.1 200 \r\nX-B:  1\r\nx-a:2\r\ntransfer-encoding: chunked\r\n\r\n"
    got = read(head + b"2;x\r\nab\r\n1\r\nc\r\n0\r\nt: 1\r\n\r\n")
    assert (got.status_line, got.headers[:2]) == (b"HTTP/1.1 200 ", [(b"X-B", b" 1"), (b"x-a", b"2")])
    assert (got.body, got.chunks, got.trailers, got.complete) == (b"abc", [2, 1, 0], [(b"t", b"1")], True)


def test_client_sees_truncation() -> None:
    """A cut length, a cut chunk, a missing last chunk."""
    for head, data in (
        (b"content-length: 5", b"abc"),
        (b"transfer-encoding: chunked", b"5\r\nabc"),
        (b"transfer-encoding: chunked", b"3\r\nabc\r\n"),
    ):
        got = read(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + data)
        assert (got.complete, got.body) == (False, b"abc")


def test_client_refuses_what_is_not_http() -> None:
    """A cut head, garbage; and a clean close is told apart."""
    for data in (b"HTTP/1.1 200 OK\r\nx-a", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"):
        with pytest.raises(Malformed):
            read(data)
    with pytest.raises(Closed):
        read(b"")


def test_frames_are_masked() -> None:
    """Lengths of all three forms, mask, close codes."""
    assert frame(TEXT, b"hi") == b"\x81\x82\x11\x22\x33\x44" + bytes([0x68 ^ 0x11, 0x69 ^ 0x22])
    assert frame(TEXT, b"x" * 126)[1:4] == b"\xfe\x00\x7e"
    assert frame(TEXT, b"x" * 65536)[1:10] == b"\xff" + (65536).to_bytes(8, "big")
    assert close(None)[:2] == b"\x88\x80"


def test_reference_against_itself_is_equal_and_a_changed_option_is_seen() -> None:
    """The same server twice shows no difference; another server (h11) shows those it has."""
    request = b"GET /plain HTTP/1.1\r\nHost: a\r\n\r\n"
    plain = Case("plain", "protocol", (Send(request), Expect(), Probe()))
    no_host = Case("no-host", "protocol", (Send(b"GET /plain HTTP/1.1\r\n\r\n"), Expect(), Probe()))
    with pair("uvicorn", "uvicorn", ["protocol"]) as servers:
        assert servers.play(plain, []).problem is None
    with pair("uvicorn", "uvicorn-h11", ["protocol"]) as servers:
        assert servers.play(plain, []).problem is None
        # DEMANDS trap 22: h11 refuses a request without Host, httptools takes it.
        assert "undocumented difference" in (servers.play(no_host, []).problem or "")
