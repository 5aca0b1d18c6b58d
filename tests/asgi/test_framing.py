"""Framing that the app asks for, and cannot have (trap 18)."""

from __future__ import annotations

import pytest

from .apps import Message, Receive, Send, body, start
from .conftest import Serve
from .wire import get

pytestmark = pytest.mark.engine_only("uvicorn writes whatever the app says")

CHUNKED = (b"transfer-encoding", b"chunked")


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-length", b"2"), CHUNKED],
        [CHUNKED, (b"content-length", b"2")],
        [(b"content-length", b"2"), (b"content-length", b"2")],
        [CHUNKED, CHUNKED],
        [(b"Transfer-Encoding", b"Chunked")],
    ],
    ids=["length-and-chunked", "chunked-and-length", "length-twice", "chunked-twice", "case"],
)
def test_trap18_one_framing_on_the_wire(serve: Serve, headers: list[tuple[bytes, bytes]]) -> None:
    """RFC 9112 section 6.2: never both, or a proxy and a client see two different messages."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(start(headers=headers))
        await send(body(b"ok"))

    client = serve(app).connect()
    for _ in range(2):
        client.send(get())
        response = client.read_response()
        if response.status == 500:
            return
        assert response.body == b"ok"
        fields = response.values(b"content-length") + response.values(b"transfer-encoding")
        assert len(fields) == 1 or fields == [b"2", b"2"]


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-length", b"ten")],
        [(b"content-length", b"-1")],
        [(b"content-length", b"")],
        [(b"content-length", b"2"), (b"content-length", b"3")],
        [(b"content-length", b"99999999999999999999999")],
        [(b"transfer-encoding", b"gzip")],
        [(b"transfer-encoding", b"gzip, chunked")],
        [(b"transfer-encoding", b"identity")],
    ],
    ids=repr,
)
def test_trap18_a_framing_that_is_none_never_desynchronises(
    serve: Serve, headers: list[tuple[bytes, bytes]]
) -> None:
    """A length that is none is an error of the app; a coding is sent as the app said, with `chunked` behind
    it."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(start(headers=headers))
        await send(body(b"ok"))

    server = serve(app)
    head = server.get()
    if headers[0][0] == b"content-length":
        assert (head.status, head.values(b"content-length")) == (500, [b"21"])
        assert server.error_texts == ["Exception in ASGI application\n"]
    else:
        coding = headers[0][1]
        assert head.body == b"ok"
        assert head.values(b"transfer-encoding") == [
            coding if b"chunked" in coding else coding + b", chunked"
        ]
