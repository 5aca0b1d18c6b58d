"""`Expect: 100-continue` (trap 25)."""

from __future__ import annotations

import pytest

from .apps import Message, Receive, Send, body, read_body, reply, start
from .conftest import Serve
from .latch import Latch
from .wire import chunked, get, post, post_head

EXPECT = b"Expect: 100-continue\r\n"


def test_trap25_100_is_sent_when_the_app_first_reads(serve: Serve) -> None:
    """uvicorn#88, #166: not before, so that an app can refuse without the body having been sent."""
    called, go_on = Latch(), Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        called.set()
        await go_on.reached()
        await reply(send, await read_body(receive))

    server = serve(app)
    client = server.connect()
    client.send(post_head(4, headers=EXPECT))
    called.wait()
    server.barrier()
    assert not client.has_unread()
    go_on.set()
    assert client.read_response().status_line == b"HTTP/1.1 100 Continue"
    client.send(b"body")
    assert client.read_response().body == b"body"
    client.send(get())
    assert client.read_response().status == 200


@pytest.mark.parametrize("status", [200, 413])
def test_trap25_an_app_that_does_not_read_gets_no_100(serve: Serve, status: int) -> None:
    """The final response stands alone; a client that then does not send its body must not wait for
    anything."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send, b"no thanks", status)

    client = serve(app).connect()
    client.send(post_head(4, headers=EXPECT))
    response = client.read_response()
    assert (response.status, response.body) == (status, b"no thanks")


def test_trap25_never_after_the_final_head(serve: Serve) -> None:
    """uvicorn#2979: the head is out, a 100 would be taken for a part of the body."""
    go_on = Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(start(headers=[(b"content-length", b"8")]))
        await send(body(b"body", more=True))
        await go_on.reached()
        await send(body(await read_body(receive)))

    client = serve(app).connect()
    client.send(post_head(4, headers=EXPECT))
    assert client.read_head().status == 200
    assert client.read_exactly(4) == b"body"
    go_on.set()
    client.send(b"data")
    assert client.read_exactly(4) == b"data"


def test_trap25_a_response_that_starts_and_reads_at_once(serve: Serve) -> None:
    """uvicorn leaves the 100 out once the app has started. The engine has not written the head by then, so it
    may send the 100 before it: the order on the wire is right (RFC 9110 section 15.2), and the client knows
    that it is read."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(start(headers=[(b"content-length", b"8")]))
        await send(body(b"body", more=True))
        await send(body(await read_body(receive)))

    client = serve(app).connect()
    client.send(post_head(4, headers=EXPECT))
    head = client.read_head()
    if serve.kind == "engine" and head.status == 100:
        head = client.read_head()
    assert head.status == 200
    client.send(b"data")
    assert client.read_exactly(8) == b"bodydata"


def test_trap25_one_100_however_often_the_app_reads(serve: Serve) -> None:
    """The body comes in two pieces, the app reads twice."""
    first = Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        message = await receive()
        first.set()
        data = message["body"]
        await reply(send, data + await read_body(receive))

    client = serve(app).connect()
    client.send(post_head(4, headers=EXPECT))
    assert client.read_response().status == 100
    client.send(b"bo")
    first.wait()
    client.send(b"dy")
    response = client.read_response()
    assert (response.status, response.body) == (200, b"body")


@pytest.mark.parametrize(
    "request_bytes", [post(b"body", headers=EXPECT), chunked(b"bo", b"dy", headers=EXPECT)]
)
def test_trap25_a_client_that_does_not_wait(serve: Serve, request_bytes: bytes) -> None:
    """RFC 9110 section 10.1.1: the server may leave the 100 out, the client has to cope with it."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send, await read_body(receive))

    client = serve(app).connect()
    client.send(request_bytes)
    response = client.read_response()
    if response.status == 100:
        response = client.read_response()
    assert response.body == b"body"


@pytest.mark.engine_only("uvicorn answers 100 whatever the version")
def test_trap25_http_1_0_knows_no_100(serve: Serve) -> None:
    """RFC 9110 section 10.1.1: the expectation of an HTTP/1.0 client is ignored."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send, await read_body(receive))

    client = serve(app).connect()
    client.send(b"POST / HTTP/1.0\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
    client.send(b"body")
    response = client.read_response()
    assert (response.status, response.body) == (200, b"body")


def test_trap25_expect_without_a_body(serve: Serve) -> None:
    """Nothing to continue with: the request is served as any other."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        assert await read_body(receive) == b""
        await reply(send)

    client = serve(app).connect()
    client.send(get(headers=EXPECT))
    response = client.read_response()
    while response.status == 100:
        response = client.read_response()
    assert response.body == b"ok"


def test_trap25_a_refused_upload_leaves_no_100_for_the_next_request(serve: Serve) -> None:
    """The final response ends the exchange: if the connection stays, what follows is the body that was
    announced."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send, b"no", 413 if scope["method"] == "POST" else 200)

    client = serve(app).connect()
    client.send(post_head(4, headers=EXPECT))
    assert client.read_response().status == 413
    client.send(b"body" + get())
    rest = client.read_head() if not client.is_closed_by_peer else None
    assert rest is None or rest.status == 200
