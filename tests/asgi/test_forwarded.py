"""Forwarding headers of trusted proxies (trap 31)."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from .apps import Message, Receive, Send, reply
from .conftest import Serve
from .wire import get

CASES = {
    "none": (b"", None, "http"),
    "one": (b"X-Forwarded-For: 1.2.3.4\r\n", ("1.2.3.4", 0), "http"),
    "proto": (b"X-Forwarded-Proto: https\r\n", None, "https"),
    "nonsense-proto": (b"X-Forwarded-Proto: gopher\r\n", None, "http"),
    "last-untrusted": (b"X-Forwarded-For: 6.6.6.6, 1.2.3.4, 127.0.0.1\r\n", ("1.2.3.4", 0), "http"),
    "empty": (b"X-Forwarded-For:\r\n", None, "http"),
    "commas": (b"X-Forwarded-For: ,\r\n", None, "http"),
    "duplicates": (b"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 1.2.3.4\r\n", ("1.2.3.4", 0), "http"),
    "all-trusted": (b"X-Forwarded-For: 127.0.0.1, 127.0.0.1\r\n", ("127.0.0.1", 0), "http"),
    "port": (b"X-Forwarded-For: 1.2.3.4:5678\r\n", ("1.2.3.4", 5678), "http"),
    "ipv6": (b"X-Forwarded-For: [2001:db8::1]:443\r\n", ("2001:db8::1", 443), "http"),
}


async def serve_case(scopes: list[Message], scope: Message, send: Send) -> None:
    """Keep the scope and answer."""
    scopes.append(scope)
    await reply(send)


@pytest.mark.parametrize("case", CASES)
def test_trap31_the_last_untrusted_hop_is_the_client(serve: Serve, case: str) -> None:
    """uvicorn#2971, #2944, #2468, #591: rightmost hop that is no proxy of ours; empty fields change
    nothing."""
    headers, client_expected, scheme = CASES[case]
    scopes: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await serve_case(scopes, scope, send)

    client = serve(app).connect()
    client.send(get(headers=headers))
    assert client.read_response().status == 200
    expected: Any = client_expected or client.name
    assert scopes[0]["client"] == expected
    assert scopes[0]["scheme"] == scheme


def test_trap31_nobody_is_believed_who_is_not_trusted(serve: Serve) -> None:
    """The peer is not in `forwarded_allow_ips`: its headers change nothing."""
    scopes: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await serve_case(scopes, scope, send)

    client = serve(app, forwarded_allow_ips=["10.0.0.0/8"]).connect()
    client.send(get(headers=b"X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n"))
    assert client.read_response().status == 200
    assert (scopes[0]["client"], scopes[0]["scheme"]) == (client.name, "http")


@pytest.mark.parametrize("trusted", [["*"], ["127.0.0.1"]], ids=["any", "addresses"])
def test_trap31_a_proxy_on_a_unix_socket(serve: Serve, trusted: list[str]) -> None:
    """uvicorn#2468: a peer without an address is trusted where everybody is."""
    scopes: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await serve_case(scopes, scope, send)

    with tempfile.TemporaryDirectory() as directory:
        server = serve(app, unix=Path(directory) / "s", forwarded_allow_ips=trusted)
        assert server.get(b"/", b"X-Forwarded-For: 1.2.3.4\r\n").status == 200
    assert scopes[0]["client"] == (("1.2.3.4", 0) if trusted == ["*"] else None)


@pytest.mark.engine_only("uvicorn does not know X-Forwarded-Port")
def test_a_forwarded_port_counts_where_it_is_asked_for(serve: Serve) -> None:
    """Of a trusted peer, on TCP; it is the port that the client connected to."""
    scopes: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await serve_case(scopes, scope, send)

    for options, port in (
        ({"forwarded_port": True}, 8443),
        ({}, None),
        ({"forwarded_port": True, "forwarded_allow_ips": ["10.0.0.1"]}, None),
        ({"forwarded_port": True, "proxy_headers": False}, None),
    ):
        served = serve(app, **options)
        assert served.get(headers=b"X-Forwarded-Port: 8443\r\n").status == 200
        host, own = served.address
        assert scopes.pop()["server"] == (host, port or own)
