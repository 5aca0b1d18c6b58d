"""Peers that send very much of something small, and many at once."""

from __future__ import annotations

import asyncio
import random
import threading

import pytest

from .apps import App, Message, Receive, Send, body, read_body, reply, start
from .conftest import Serve
from .websocket import CONTINUATION, PING, PONG, TEXT, WebSocket, echo, encode, handshake
from .wire import Connection, get, post


def test_a_thousand_pipelined_requests(serve: Serve) -> None:
    """Written at once, answered in order, without recursion."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send, scope["path"].encode())

    client = serve(app).connect()
    client.send(b"".join(get(b"/%d" % number) for number in range(1000)))
    assert [client.read_response().body for _ in range(1000)] == [b"/%d" % number for number in range(1000)]


def test_a_body_in_chunks_of_one_byte(serve: Serve) -> None:
    """50,000 chunks: joined as they come, in linear time."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send, b"%d" % len(await read_body(receive)))

    client = serve(app).connect()
    client.send(b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
    client.send(b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n")
    assert client.read_response().body == b"50000"


def test_a_head_in_pieces_of_one_byte(serve: Serve) -> None:
    """Each in a segment of its own."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await reply(send, await read_body(receive))

    client = serve(app).connect()
    for byte in post(b"body", b"/path", b"X-A: 1\r\n"):
        client.send(bytes([byte]))
    assert client.read_response().body == b"body"


@pytest.mark.parametrize("count", [90, 99])
def test_a_hundred_fields_are_served(serve: Serve, count: int) -> None:
    """With Host they are a hundred."""
    counts: list[int] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        counts.append(len(scope["headers"]))
        await reply(send)

    fields = b"".join(b"X-%d: 1\r\n" % number for number in range(count))
    assert serve(app).get(b"/", fields).status == 200
    assert counts == [count + 1]


def test_a_flood_of_pings(serve: Serve) -> None:
    """Each is answered, in order, between the messages."""
    client = WebSocket(serve(echo))
    pings = b"".join(encode(PING, b"%d" % number) for number in range(500))
    client.connection.send(pings + encode(TEXT, b"after"))
    received = [client.read() for _ in range(501)]
    assert [frame.payload for frame in received if frame.opcode == PONG][-1] == b"499"
    assert received[-1].payload in (b"after", b"499")


def test_a_flood_of_empty_fragments(serve: Serve) -> None:
    """They cost nothing and count for nothing."""
    client = WebSocket(serve(echo))
    client.connection.send(encode(TEXT, b"a", fin=False) + encode(CONTINUATION, b"", fin=False) * 20_000)
    client.send(CONTINUATION, b"b")
    assert client.read().payload == b"ab"


@pytest.mark.parametrize(
    "request_bytes",
    [
        handshake().replace(b"HTTP/1.1", b"HTTP/1.0"),
        handshake().replace(b"GET", b"POST").replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n"),
    ],
    ids=["http-1.0", "post"],
)
def test_what_only_looks_like_a_handshake_is_not_one(serve: Serve, request_bytes: bytes) -> None:
    """RFC 6455 section 4.2.1: GET, HTTP/1.1 or later. Whatever the answer is, it is no 101."""
    if serve.kind == "uvicorn" and b"HTTP/1.0" in request_bytes:
        pytest.skip("uvicorn does not look at the version")

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await reply(send)
        else:
            await echo(scope, receive, send)

    client = serve(app).connect()
    client.send(request_bytes)
    assert client.read_head().status in (200, 400, 405, 426)


def test_random_clients_at_once(serve: Serve) -> None:
    """Eight threads, each with its own seed: requests of every kind, some given up in the middle. Whatever is
    answered is answered right, and in the end nothing is left (the fixture looks)."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await echo(scope, receive, send)
            return
        path = scope["path"]
        if path == "/wait":
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        try:
            data = await read_body(receive)
        except AssertionError:
            return
        if path == "/stream":
            await send(start())
            for index in range(0, len(data), 1000):
                await send(body(data[index : index + 1000], more=True))
                await asyncio.sleep(0)
            await send(body())
        else:
            await reply(send, data)

    server = serve(app)
    failures: list[BaseException] = []

    def play(seed: int) -> None:
        chance = random.Random(seed)
        try:
            client: Connection | None = None
            for _ in range(60):
                if client is None:
                    client = server.connect()
                data = chance.randbytes(chance.choice([0, 1, 100, 5000, 70_000]))
                request = post(data, chance.choice([b"/", b"/stream"]))
                move = chance.randrange(8)
                if move == 0:
                    client.send(request[: chance.randrange(len(request))])
                    (client.close if chance.random() < 0.5 else client.reset)()
                    client = None
                elif move == 1:
                    client.send(request)
                    client.reset()
                    client = None
                elif move == 2:
                    client.send(get(b"/wait"))
                    client.close()
                    client = None
                elif move == 3:
                    socket = WebSocket(server)
                    socket.send(TEXT, b"hello")
                    assert socket.read().payload == b"hello"
                    (socket.connection.reset if chance.random() < 0.5 else socket.connection.close)()
                else:
                    count = chance.randrange(1, 4)
                    client.send(request * count)
                    for _ in range(count):
                        assert client.read_response().body == data
        except BaseException as error:
            failures.append(error)

    players = [threading.Thread(target=play, args=(seed,)) for seed in range(8)]
    for player in players:
        player.start()
    for player in players:
        player.join()
    assert failures == []
    server.barrier()
    assert [text for text in server.error_texts if "Exception" in text] == []


@pytest.mark.parametrize("shared", [False, True], ids=["apps-apart", "one-app"])
def test_two_servers_in_two_threads(serve: Serve, shared: bool) -> None:
    """A loop each, one process: on free-threaded builds they run at the same time."""

    def make() -> App:
        async def app(scope: Message, receive: Receive, send: Send) -> None:
            data = await read_body(receive)
            await asyncio.sleep(0)
            await reply(send, data)

        return app

    first = make()
    servers = [serve(first), serve(first if shared else make())]
    failures: list[BaseException] = []

    def play(number: int) -> None:
        try:
            client = servers[number % 2].connect()
            for turn in range(30):
                data = b"%d-%d" % (number, turn)
                client.send(post(data))
                assert client.read_response().body == data
        except BaseException as error:
            failures.append(error)

    players = [threading.Thread(target=play, args=(number,)) for number in range(6)]
    for player in players:
        player.start()
    for player in players:
        player.join()
    assert failures == []
