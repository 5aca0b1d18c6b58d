"""`send()` of an HTTP response (traps 5 and 18, and the order of messages)."""

from __future__ import annotations

import array
from typing import Any

import pytest

from .apps import App, Message, Receive, Send, body, reply, start
from .conftest import Serve
from .latch import Latch
from .wire import get


def sending(*messages: Message, seen: list[BaseException] | None = None, sent: Latch | None = None) -> App:
    """An app that sends these; `seen` keeps what `send` raises, and the app goes on; `sent` is set at the
    end."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        for message in messages:
            try:
                await send(message)
            except Exception as error:
                if seen is None:
                    raise
                seen.append(error)
        if sent is not None:
            sent.set()

    return app


def length(count: int) -> Message:
    """A head with a content-length."""
    return start(headers=[(b"content-length", str(count).encode())])


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([length(5), body(b"too long")], "Response content longer than Content-Length"),
        ([length(5), body(b"1234", more=True), body(b"56")], "Response content longer than Content-Length"),
        ([length(0), body(b"1")], "Response content longer than Content-Length"),
        ([length(5), body(b"shrt")], "Response content shorter than Content-Length"),
        ([length(5), body()], "Response content shorter than Content-Length"),
        ([length(5), body(b"12", more=True), body(b"34")], "Response content shorter than Content-Length"),
    ],
    ids=["long", "long-later", "long-empty", "short", "short-empty", "short-later"],
)
def test_trap18_a_body_of_another_length_is_an_error_of_the_app(
    serve: Serve, messages: list[Message], text: str
) -> None:
    """uvicorn httptools_impl: RuntimeError in `send`, logged; the client must see that something is
    missing."""
    server = serve(sending(*messages))
    client = server.connect()
    client.send(get())
    received = client.read_to_end()
    head, _, content = received.partition(b"\r\n\r\n")
    promised = int(messages[0]["headers"][0][1])
    assert head.startswith(b"HTTP/1.1 200") or received == b""
    assert len(content) < promised or promised == 0, "no byte more than announced, and not all of them"
    [record] = server.errors
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], RuntimeError)
    assert str(record.exc_info[1]) == text


@pytest.mark.parametrize(
    ("method", "status", "headers", "lengths"),
    [
        (b"HEAD", 200, [], []),
        (b"HEAD", 200, [(b"content-length", b"4")], [b"4"]),
        (b"GET", 204, [], []),
        (b"GET", 304, [], []),
        (b"HEAD", 404, [(b"content-length", b"4")], [b"4"]),
    ],
)
def test_trap18_no_body_and_no_framing_for_head_204_and_304(
    serve: Serve, method: bytes, status: int, headers: list[tuple[bytes, bytes]], lengths: list[bytes]
) -> None:
    """RFC 9110 sections 9.3.2, 15.3.5, 15.4.5: the next response on the connection follows at once."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["path"] == "/next":
            await reply(send, b"next")
            return
        await send(start(status, headers))
        await send(body(b"data" if method == b"HEAD" else b""))

    server = serve(app)
    client = server.connect()
    client.send(get(method=method))
    response = client.read_response(method=method)
    assert (response.status, response.values(b"content-length")) == (status, lengths)
    assert response.values(b"transfer-encoding") == []
    client.send(get(b"/next"))
    assert client.read_response().body == b"next"
    assert server.errors == []


@pytest.mark.engine_only("uvicorn writes the bytes where the next response has to begin")
@pytest.mark.parametrize("status", [204, 304])
def test_trap18_a_body_that_must_not_be_is_dropped(serve: Serve, status: int) -> None:
    """RFC 9112 section 6.3: the client takes whatever follows the head for the next response."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(start(status if scope["path"] == "/" else 200, [(b"content-length", b"4")]))
        await send(body(b"data"))

    client = serve(app).connect()
    client.send(get())
    assert client.read_response().status == status
    client.send(get(b"/next"))
    assert client.read_response().body == b"data"


@pytest.mark.engine_only(
    "httptools_impl owes the client the bytes of a HEAD response until its body message comes"
)
def test_trap18_head_of_a_streaming_app_ends_with_the_last_message(serve: Serve) -> None:
    """The parts of a stream are dropped one by one, and `send` never waits for them."""
    many = [body(b"x" * 65536, more=True)] * 64
    server = serve(sending(start(headers=[(b"content-length", b"9999999")]), *many, body()))
    client = server.connect()
    for _ in range(2):
        client.send(get(method=b"HEAD"))
        assert client.read_response(method=b"HEAD").values(b"content-length") == [b"9999999"]
    assert server.errors == []


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([body(b"x")], "Expected ASGI message 'http.response.start', but got 'http.response.body'."),
        ([{"type": "nonsense"}], "Expected ASGI message 'http.response.start', but got 'nonsense'."),
        (
            [length(2), length(2)],
            "Expected ASGI message 'http.response.body', but got 'http.response.start'.",
        ),
        (
            [length(2), body(b"ok"), body(b"x")],
            "Unexpected ASGI message 'http.response.body' sent, after response already completed.",
        ),
        (
            [length(2), body(b"ok"), start()],
            "Unexpected ASGI message 'http.response.start' sent, after response already completed.",
        ),
    ],
    ids=["body-first", "unknown", "two-starts", "body-after-end", "start-after-end"],
)
def test_trap18_messages_out_of_order_are_refused_in_uvicorns_words(
    serve: Serve, messages: list[Message], text: str
) -> None:
    """RuntimeError for the app, which may catch it and go on; what was right of the response still goes
    out."""
    seen: list[BaseException] = []
    sent = Latch()
    rest = [length(2)] if len(messages) < 2 else []
    response = serve(sending(*messages, *rest, body(b"ok"), seen=seen, sent=sent)).get()
    assert (response.status, response.body) == (200, b"ok")
    sent.wait()
    assert isinstance(seen[0], RuntimeError)
    assert str(seen[0]) == text


@pytest.mark.parametrize(
    "data",
    [b"data", bytearray(b"data"), memoryview(b"data"), memoryview(bytearray(b"xdatax"))[1:5]],
    ids=["bytes", "bytearray", "memoryview", "slice"],
)
@pytest.mark.parametrize("framing", [[], [(b"content-length", b"4")]], ids=["chunked", "length"])
def test_trap18_bodies_of_any_bytes_like_type(
    serve: Serve, data: Any, framing: list[tuple[bytes, bytes]]
) -> None:
    """asyncio's transports take them, so apps send them."""
    server = serve(sending(start(headers=framing), {"type": "http.response.body", "body": data}))
    assert server.get().body == b"data"
    assert server.errors == []


@pytest.mark.engine_only("asyncio refuses it in its own words")
@pytest.mark.parametrize("data", ["text", 5, array.array("i", [1, 2])], ids=["str", "int", "ints"])
def test_trap18_other_bodies_are_an_error_of_the_app(serve: Serve, data: Any) -> None:
    """TypeError in `send`; never a crash, never bytes that nobody meant."""
    seen: list[BaseException] = []
    server = serve(sending(start(), {"type": "http.response.body", "body": data}, body(b"ok"), seen=seen))
    assert server.get().body == b"ok"
    assert [type(error) for error in seen] == [TypeError]


@pytest.mark.parametrize("size", [10, 5000, 300_000])
def test_trap18_a_buffer_that_the_app_changes_later_was_sent_as_it_was(serve: Serve, size: int) -> None:
    """Apps reuse read buffers: what `send` was given belongs to the server from then on."""
    go_on = Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        buffer = bytearray(b"a" * size)
        await send(length(2 * size))
        await send({"type": "http.response.body", "body": buffer, "more_body": True})
        buffer[:] = b"b" * size
        await send({"type": "http.response.body", "body": memoryview(buffer)})
        buffer[:] = b"c" * size
        go_on.set()

    client = serve(app).connect()
    client.send(get())
    assert client.read_response().body == b"a" * size + b"b" * size


def test_trap05_send_to_a_client_that_is_gone_is_silent(serve: Serve) -> None:
    """granian#835, asgiref#431, spec_version 2.3: `send` returns as if all were well, and nothing is
    logged."""
    waiting, ended = Latch(), Latch()
    messages: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send(start())
        await send(body(b"first", more=True))
        waiting.set()
        messages.append(await receive())
        for _ in range(100):
            await send(body(b"x" * 10_000, more=True))
        await send(body())
        messages.append(await receive())
        ended.set()

    server = serve(app)
    client = server.connect()
    client.send(get())
    waiting.wait()
    client.reset()
    ended.wait()
    assert messages == [{"type": "http.disconnect"}] * 2
    server.barrier()
    assert server.errors == []


def test_trap05_nothing_is_sent_before_a_client_goes(serve: Serve) -> None:
    """The whole response is sent after the disconnect: silent, and the app ends well."""
    waiting, ended = Latch(), Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        waiting.set()
        assert (await receive())["type"] == "http.disconnect"
        await reply(send)
        ended.set()

    server = serve(app)
    client = server.connect()
    client.send(get())
    waiting.wait()
    client.close()
    ended.wait()
    server.barrier()
    assert server.errors == []


@pytest.mark.parametrize("status", [0, 99, 1000, -1, 70000])
@pytest.mark.engine_only(
    "uvicorn has no check: KeyError from its table of status lines, or a status line of nonsense"
)
def test_trap18_a_status_that_is_none_is_an_error_of_the_app(serve: Serve, status: int) -> None:
    """Three digits are what HTTP has (RFC 9110 section 15)."""
    response = serve(sending(start(status), body(b"x"))).get()
    assert response.status == 500


@pytest.mark.parametrize("status", [100, 103, 199])
@pytest.mark.engine_only("uvicorn writes a 1xx as if it were final, which leaves the client waiting")
def test_trap19_an_informational_status_is_no_response(serve: Serve, status: int) -> None:
    """RFC 9110 section 15.2; early hints have an extension of their own, which is not offered."""
    assert serve(sending(start(status), body(b"x"))).get().status == 500


@pytest.mark.parametrize(("status", "reason"), [(200, b"OK"), (299, b""), (418, b"I'm a Teapot"), (599, b"")])
def test_trap18_reason_phrases_are_pythons(serve: Serve, status: int, reason: bytes) -> None:
    """uvicorn writes `HTTPStatus(status).phrase`, and an empty phrase for a status without one."""
    response = serve(sending(start(status), body(b"x"))).get()
    assert response.status_line == b"HTTP/1.1 %d %s" % (status, reason)
