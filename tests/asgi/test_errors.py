"""Apps that fail, before and after their response has started (traps 5 and 54)."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import pytest

from .apps import Message, Receive, Send, body, read_body, reply, start
from .conftest import Serve
from .wire import get, post


class Unusual(BaseException):
    """Not an `Exception`."""


@pytest.mark.parametrize(
    "error", [ValueError("why"), OSError("why"), asyncio.CancelledError("why"), Unusual("why")]
)
@pytest.mark.parametrize("suspend", [False, True])
def test_an_exception_before_the_response_is_one_500(
    serve: Serve, error: BaseException, suspend: bool
) -> None:
    """uvicorn's run_asgi: 500 once, `connection: close`, one log record with the exception itself."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if suspend:
            await asyncio.sleep(0)
        raise error

    server = serve(app)
    client = server.connect()
    client.send(get())
    response = client.read_response()
    assert (response.status, response.body) == (500, b"Internal Server Error")
    assert response.values(b"content-type") == [b"text/plain; charset=utf-8"]
    assert response.values(b"content-length") == [b"21"]
    assert response.values(b"connection") == [b"close"]
    assert client.is_closed_by_peer
    [record] = server.errors
    assert (record.levelname, record.getMessage()) == ("ERROR", "Exception in ASGI application\n")
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    frames = []
    traceback = record.exc_info[2]
    while traceback is not None:
        frames.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    assert frames[-1] == "app"


def test_an_exception_with_an_unread_body_still_answers(serve: Serve) -> None:
    """The client gets its 500 although nobody read what it sent."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        raise ValueError

    assert serve(app).ask(post(b"x" * 100_000)).status == 500


@pytest.mark.parametrize("framing", [[], [(b"content-length", b"100")]], ids=["chunked", "length"])
@pytest.mark.parametrize("parts", [0, 1, 3])
def test_trap54_an_exception_after_the_start_truncates(
    serve: Serve, framing: list[tuple[bytes, bytes]], parts: int
) -> None:
    """starlette#1459, #2830: log, then close without the final chunk; what was sent before still arrives."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(start(headers=framing))
        for _ in range(parts):
            await send(body(b"part", more=True))
        raise ValueError("later")

    server = serve(app)
    client = server.connect()
    client.send(get())
    response = client.read_response()
    assert response.status == 200
    assert not response.complete
    assert response.body == b"part" * parts
    assert server.error_texts == ["Exception in ASGI application\n"]


def test_trap54_an_exception_after_the_end_changes_nothing(serve: Serve) -> None:
    """The response was complete: it arrives, and the error is logged."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send, b"done")
        raise ValueError("too late")

    server = serve(app)
    response = server.get()
    assert (response.body, response.complete) == (b"done", True)
    server.barrier()
    assert server.error_texts == ["Exception in ASGI application\n"]


@pytest.mark.parametrize(
    ("messages", "status", "text"),
    [
        ([], 500, "ASGI callable returned without starting response."),
        ([start()], 200, "ASGI callable returned without completing response."),
        ([start(), body(b"x", more=True)], 200, "ASGI callable returned without completing response."),
        (
            [start(headers=[(b"content-length", b"5")]), body(b"x", more=True)],
            200,
            "ASGI callable returned without completing response.",
        ),
    ],
    ids=["nothing", "head", "part", "part-of-length"],
)
def test_trap54_returning_early_is_an_error(
    serve: Serve, messages: list[Message], status: int, text: str
) -> None:
    """500, or a connection that is cut: never a response that looks whole."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    server = serve(app)
    response = server.get()
    assert response.status == status
    assert response.complete == (status == 500)
    assert server.error_texts == [text]


def test_a_result_that_is_not_none_is_reported(serve: Serve) -> None:
    """uvicorn's words; the response was complete and arrives."""

    async def app(scope: Message, receive: Receive, send: Send) -> Any:
        await reply(send)
        return "something"

    server = serve(app)
    assert server.get().body == b"ok"
    server.barrier()
    assert server.error_texts == ["ASGI callable should return None, but returned 'something'."]


def test_a_function_that_is_not_async_is_a_500(serve: Serve) -> None:
    """`await None` is a TypeError of the app."""

    def app(scope: Message, receive: Receive, send: Send) -> Any:
        return None

    server = serve(app)
    assert server.get().status == 500
    [record] = server.errors
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], TypeError)


def test_an_exception_of_the_call_itself_is_a_500(serve: Serve) -> None:
    """Raised before there is a coroutine."""

    def app(scope: Message, receive: Receive, send: Send) -> Any:
        raise KeyError("no coroutine")

    server = serve(app)
    assert server.get().status == 500
    assert server.error_texts == ["Exception in ASGI application\n"]


def test_any_awaitable_is_an_app(serve: Serve) -> None:
    """The specification says awaitable, not coroutine."""

    class Response:
        def __init__(self, send: Send) -> None:
            self.send = send

        def __await__(self) -> Generator[Any, None, None]:
            return reply(self.send, b"awaited").__await__()

    def app(scope: Message, receive: Receive, send: Send) -> Any:
        return Response(send)

    assert serve(app).get().body == b"awaited"


def test_an_error_does_not_touch_the_neighbours(serve: Serve) -> None:
    """Failing requests on one connection, good ones on another."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        data = await read_body(receive)
        if data == b"fail":
            raise ValueError
        await reply(send, data)

    server = serve(app)
    good = server.connect()
    for number in range(5):
        good.send(post(b"%d" % number))
        assert server.ask(post(b"fail")).status == 500
        assert good.read_response().body == b"%d" % number


def test_trap05_an_error_after_the_disconnect_is_logged_and_nothing_else(serve: Serve) -> None:
    """The app fails because its client is gone: its own exception, so it is in the log, once."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await receive()
        raise RuntimeError("gone")

    server = serve(app)
    client = server.connect()
    client.send(get())
    client.close()
    while not server.errors:
        server.barrier()
    server.barrier()
    assert server.error_texts == ["Exception in ASGI application\n"]
