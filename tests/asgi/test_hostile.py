"""Apps that hand over nonsense: an exception for them, never a crash, a hang or a panic (A19)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from .apps import Message, Receive, Send, body, read_body, reply, start
from .conftest import Serve
from .latch import Latch
from .websocket import WebSocket, handshake
from .wire import get

pytestmark = pytest.mark.engine_only("what uvicorn makes of nonsense is its own business")


class Explosive:
    """Raises whatever is done with it."""

    def __bool__(self) -> bool:
        raise LookupError("bool")

    def __iter__(self) -> Iterator[Any]:
        raise LookupError("iter")

    def __index__(self) -> int:
        raise LookupError("index")

    def __str__(self) -> str:
        raise LookupError("str")

    def __eq__(self, other: object) -> bool:
        raise LookupError("eq")

    def __hash__(self) -> int:
        return 1


def exploding_pairs() -> Iterator[tuple[bytes, bytes]]:
    """One pair, then an exception."""
    yield b"x-a", b"1"
    raise LookupError("next")


START = "http.response.start"
BODY = "http.response.body"
NONSENSE: list[Any] = [
    None,
    5,
    "http.response.start",
    [],
    [("type", START)],
    {},
    {"type": None},
    {"type": b"http.response.start", "status": 200},
    {"type": Explosive()},
    {"type": "\ud800"},
    {"type": START},
    {"type": START, "status": None},
    {"type": START, "status": "200"},
    {"type": START, "status": 200.0},
    {"type": START, "status": 10**30},
    {"type": START, "status": -(10**30)},
    {"type": START, "status": Explosive()},
    {"type": START, "status": 200, "headers": 5},
    {"type": START, "status": 200, "headers": Explosive()},
    {"type": START, "status": 200, "headers": exploding_pairs},
    {"type": START, "status": 200, "headers": [None]},
    {"type": START, "status": 200, "headers": [()]},
    {"type": START, "status": 200, "headers": [(b"a", b"b", b"c")]},
    {"type": START, "status": 200, "headers": [("text", "text")]},
    {"type": START, "status": 200, "headers": ["ab"]},
    {"type": START, "status": 200, "headers": [(b"a" * 100_000, b"")]},
    {"type": START, "status": 200, "headers": [(b"x-%d" % number, b"") for number in range(40_000)]},
    {"type": START, "status": 200, "headers": [(b"x-a", Explosive())]},
]


@pytest.mark.parametrize("message", NONSENSE, ids=lambda message: "nonsense")
def test_a19_a_message_of_nonsense_is_an_exception(serve: Serve, message: Any) -> None:
    """The app gets the exception and can still answer; if it does not catch it, the client gets a 500."""
    raised: list[BaseException] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        sent = message
        if isinstance(message, dict) and message.get("headers") is exploding_pairs:
            sent = {**message, "headers": exploding_pairs()}
        try:
            await send(sent)
        except Exception as error:
            raised.append(error)
            if scope["path"] == "/raise":
                raise
        await reply(send)

    server = serve(app)
    response = server.get()
    assert response.status == 200
    assert len(raised) == 1
    assert server.get(b"/raise").status == 500
    assert len(server.errors) == 1


@pytest.mark.parametrize(
    "message",
    [
        {"type": BODY, "body": Explosive()},
        {"type": BODY, "body": b"", "more_body": Explosive()},
        {"type": BODY, "body": [1, 2]},
        {"type": BODY, "body": memoryview(b"abcd").cast("I")},
        {"type": BODY, "body": memoryview(b"abcdefgh")[::2]},
        {"type": BODY, "body": memoryview(b"abcd").cast("B", (2, 2))},
        {"type": BODY, "body": {}},
    ],
    ids=lambda message: str(type(message["body"])),
)
def test_a19_a_body_of_nonsense_is_an_exception_or_its_bytes(serve: Serve, message: Any) -> None:
    """Strided and multi-dimensional views are bytes all the same, in C order."""
    raised: list[BaseException] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(start())
        try:
            await send(message)
        except Exception as error:
            raised.append(error)
            await send(body(b"caught"))

    response = serve(app).get()
    assert response.complete
    if not raised:
        assert response.body == message["body"].tobytes()
    else:
        assert response.body == b"caught"


def test_a19_headers_that_call_send_while_they_are_read(serve: Serve) -> None:
    """The iterator of `headers` is Python code: it may come back into the same request."""
    go_on: list[BaseException] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        def pairs() -> Iterator[tuple[bytes, bytes]]:
            yield b"x-a", b"outer"
            for message in (start(headers=[(b"x-a", b"inner")]), start()):
                try:
                    send(message)
                except RuntimeError as error:
                    go_on.append(error)
            receive()
            yield b"x-b", b"outer"

        try:
            await send({"type": START, "status": 200, "headers": pairs()})
        except RuntimeError as error:
            go_on.append(error)
        await send(body(b"end"))

    response = serve(app).get()
    assert response.body == b"end"
    assert response.values(b"x-a") in ([b"inner"], [b"outer"])


def test_a19_other_mappings_are_messages_too(serve: Serve) -> None:
    """The specification says dict; what can be turned into one is taken."""

    class Odd(Mapping[str, Any]):
        def __init__(self, data: dict[str, Any]) -> None:
            self.data = data

        def __getitem__(self, key: str) -> Any:
            return self.data[key]

        def __iter__(self) -> Iterator[str]:
            return iter(self.data)

        def __len__(self) -> int:
            return len(self.data)

    class Sub(dict[str, Any]):
        pass

    async def app(scope: Message, receive: Receive, send: Any) -> None:
        await send(Odd({"type": START, "status": 200}))
        await send(Sub(type=BODY, body=b"odd"))

    assert serve(app).get().body == b"odd"


def test_a19_a_finaliser_that_uses_the_dead_request(serve: Serve) -> None:
    """`__del__` of an object in the scope calls `receive` and `send` when everything is over."""
    done: list[str] = []

    class Late:
        def __init__(self, receive: Receive, send: Send) -> None:
            self.receive, self.send = receive, send

        def __del__(self) -> None:
            self.receive()
            try:
                self.send(body())
            except RuntimeError:
                done.append("refused")
            done.append("finalised")

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        scope["state"]["late"] = Late(receive, send)
        await reply(send)

    server = serve(app)
    for _ in range(3):
        assert server.get().status == 200
    server.barrier()
    assert done.count("finalised") == 3


def test_a19_callables_that_outlive_their_request(serve: Serve) -> None:
    """Kept by the app and used minutes later, from another request."""
    kept: list[tuple[Receive, Send]] = []
    seen: list[Any] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if not kept:
            kept.append((receive, send))
            await reply(send)
            return
        old_receive, old_send = kept[0]
        seen.append(await old_receive())
        try:
            await old_send(body(b"more"))
        except RuntimeError as error:
            seen.append(type(error))
        await reply(send)

    server = serve(app)
    assert server.get().status == 200
    assert server.get().status == 200
    assert seen == [{"type": "http.disconnect"}, RuntimeError]


def test_a19_a_child_that_answers_after_its_parent_has_ended(serve: Serve) -> None:
    """The app returned without a response: that is a 500, and the child's late one goes nowhere."""
    go_on, ended = Latch(), Latch()
    children: list[asyncio.Task[None]] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        async def late() -> None:
            await go_on.reached()
            try:
                await reply(send)
            except RuntimeError:
                pass
            finally:
                ended.set()

        children.append(asyncio.create_task(late()))

    server = serve(app)
    assert server.get().status == 500
    go_on.set()
    ended.wait()
    assert server.error_texts == ["ASGI callable returned without starting response."]


def test_a19_an_app_that_swallows_every_cancellation(serve: Serve) -> None:
    """It goes on as it likes; the server serves others."""
    running, go_on = Latch(), Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["path"] == "/other":
            await reply(send)
            return
        task = asyncio.current_task()
        assert task is not None
        running.set()
        while not go_on.is_set:
            try:
                asyncio.get_running_loop().call_soon(task.cancel)
                await receive()
                await receive()
                break
            except asyncio.CancelledError:
                task.uncancel()
        await reply(send, b"at last")

    server = serve(app)
    client = server.connect()
    client.send(get())
    running.wait()
    assert server.get(b"/other").status == 200
    go_on.set()
    assert client.read_response().body == b"at last"


@pytest.mark.parametrize(
    "message",
    [
        {"type": "websocket.send", "text": 5},
        {"type": "websocket.send", "text": "\ud800"},
        {"type": "websocket.send", "bytes": "text"},
        {"type": "websocket.send", "bytes": Explosive()},
        {"type": "websocket.close", "code": "1000"},
        {"type": "websocket.close", "code": 1000, "reason": "x" * 124},
        {"type": "websocket.close", "code": 1000, "reason": 5},
        {"type": Explosive()},
        {},
        None,
    ],
    ids=str,
)
def test_a19_websocket_messages_of_nonsense(serve: Serve, message: Any) -> None:
    """An exception for the app, which may go on."""
    raised: list[BaseException] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        try:
            await send(message)
        except Exception as error:
            raised.append(error)
        await send({"type": "websocket.send", "text": "alive"})
        await receive()

    client = WebSocket(serve(app))
    assert client.read().payload == b"alive"
    assert len(raised) == 1


@pytest.mark.parametrize(
    "message",
    [
        {"type": "websocket.accept", "headers": Explosive()},
        {"type": "websocket.accept", "subprotocol": 5},
        {"type": "websocket.accept", "subprotocol": "a\r\nb: c"},
        {"type": "websocket.accept", "subprotocol": "ü"},
        {"type": "websocket.http.response.start", "status": 99},
        {"type": "websocket.http.response.start"},
    ],
    ids=str,
)
def test_a19_websocket_answers_of_nonsense(serve: Serve, message: Any) -> None:
    """The handshake fails with a 500, or without the part that cannot be said."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send(message)
        await receive()

    server = serve(app)
    client = server.connect()
    client.send(handshake())
    response = client.read_head()
    assert response.status in (101, 500)
    assert response.values(b"b") == []


def test_a19_a_loop_that_stops_under_a_request(serve: Serve) -> None:
    """The connection ends; nothing panics when the rest is dropped (the fixture checks the thread's end)."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await read_body(receive)
        await send(start())
        await send(body(b"a", more=True))
        await receive()

    server = serve(app)
    client = server.connect()
    client.send(get())
    client.read_head()
    server.end()
    assert not client.read_to_end().endswith(b"0\r\n\r\n")
