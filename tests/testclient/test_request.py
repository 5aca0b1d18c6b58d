"""What of a request travels over the socket."""

from __future__ import annotations

import pytest

from turboapi.testclient.request import wire_headers, wire_method

HOST = (b"host", b"a")
LENGTH = (b"content-length", b"2")
CHUNKED = (b"transfer-encoding", b"chunked")


@pytest.mark.parametrize(
    ("shown", "body", "sent"),
    [
        ([HOST], b"", [HOST]),
        ([HOST], b"ab", [HOST, LENGTH]),
        ([HOST, LENGTH], b"ab", [HOST, LENGTH]),
        ([HOST, (b"content-length", b"7")], b"ab", [HOST, LENGTH]),
        ([HOST, (b"content-length", b"7")], b"", [HOST, (b"content-length", b"0")]),
        ([HOST, LENGTH, LENGTH], b"ab", [HOST, LENGTH]),
        ([HOST, CHUNKED], b"ab", [HOST, CHUNKED]),
        ([HOST, LENGTH, CHUNKED], b"ab", [HOST, CHUNKED]),
        ([HOST, (b"transfer-encoding", b"gzip")], b"ab", [HOST, LENGTH]),
        ([HOST, (b"host", b"b")], b"", [HOST]),
        ([(b"x", b"1"), HOST], b"", [HOST, (b"x", b"1")]),
        ([HOST, (b"x", b" a"), (b"y", b"a\r\nb"), (b"z", b"a\x00"), (b"a b", b""), (b"", b"")], b"", [HOST]),
        ([HOST, (b"x", b""), (b"y", b"a \t b"), (b"z", b"\xe2\x98\x83")], b"", None),
    ],
)
def test_wire_headers(
    shown: list[tuple[bytes, bytes]], body: bytes, sent: list[tuple[bytes, bytes]] | None
) -> None:
    assert wire_headers(shown, body) == (shown if sent is None else sent)


def test_connect_travels_under_another_name() -> None:
    assert wire_method("CONNECT") not in (b"CONNECT", b"GET")
    assert wire_method("PROPFIND") == b"PROPFIND"
