"""WebSocket sessions."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest
from fastapi import FastAPI, WebSocket
from starlette.endpoints import WebSocketEndpoint
from starlette.responses import JSONResponse
from starlette.testclient import WebSocketDenialResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from tests.testclient.conftest import ClientFactory


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Echoes until the client closes."""
    websocket = WebSocket(scope, receive, send)
    await websocket.accept()
    while (message := await websocket.receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


class WebSocketApp(WebSocketEndpoint):
    encoding = "text"


def test_text_bytes_and_json(make_client: ClientFactory) -> None:
    with make_client(echo).websocket_connect("/") as session:
        session.send_text("\u2603")
        assert session.receive_text() == "\u2603"
        session.send_bytes(b"\x00\xff")
        assert session.receive_bytes() == b"\x00\xff"
        session.send_json({"a": 1})
        assert session.receive_json() == {"a": 1}
        session.send_json({"a": 1}, mode="binary")
        assert session.receive_json(mode="binary") == {"a": 1}
        session.send_text("")
        assert session.receive() == {"type": "websocket.send", "text": ""}


def test_large_messages_without_reading_between(make_client: ClientFactory) -> None:
    """Echoes of megabytes fill the socket while the test still writes."""
    messages = [bytes([n]) * 1_000_000 for n in range(8)]
    with make_client(echo).websocket_connect("/") as session:
        for message in messages:
            session.send_bytes(message)
        assert [session.receive_bytes() for _ in messages] == messages


CLOSES = [(1000, None), (1001, "going"), (3000, ""), (1005, None), (1006, None)]


@pytest.mark.parametrize(("code", "reason"), CLOSES)
def test_the_app_sees_how_the_test_closes(make_client: ClientFactory, code: int, reason: str | None) -> None:
    seen: list[tuple[Any, Any]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        message = await receive()
        seen.append((message["code"], message["reason"]))

    with make_client(app).websocket_connect("/") as session:
        session.close(code, reason)
    assert seen == [(code, reason)]


def test_leaving_closes_and_lets_the_app_end(make_client: ClientFactory) -> None:
    ended: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await echo(scope, receive, send)
        ended.append("ended")

    with make_client(app).websocket_connect("/"):
        pass
    assert ended == ["ended"]


def test_what_the_app_sends_after_the_end_is_dropped(make_client: ClientFactory) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await echo(scope, receive, send)
        await send({"type": "websocket.send", "text": "late"})
        await send({"type": "websocket.close"})

    with make_client(app).websocket_connect("/") as session:
        session.close(1001)


def test_names_of_headers_are_the_apps(make_client: ClientFactory) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept", "headers": [(b"X-Test", b"1")]})
        await receive()

    with make_client(app).websocket_connect("/") as session:
        assert session.extra_headers == [(b"X-Test", b"1")]


def test_messages_that_no_client_sends(make_client: ClientFactory) -> None:
    with pytest.raises(RuntimeError), make_client(WebSocketApp).websocket_connect("/") as session:
        session.send({"type": "websocket.connect"})


def test_leaving_cancels_an_app_that_does_not_listen(make_client: ClientFactory) -> None:
    cancelled: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        try:
            await anyio.sleep_forever()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    with make_client(app).websocket_connect("/"):
        pass
    assert cancelled == [True]


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1008, "no"), (4321, "own")])
@pytest.mark.parametrize("accept", [True, False], ids=["accepted", "not accepted"])
def test_close_by_the_app(make_client: ClientFactory, code: int, reason: str, accept: bool) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        websocket = WebSocket(scope, receive, send)
        if accept:
            await websocket.accept()
        await websocket.close(code, reason)

    with pytest.raises(WebSocketDisconnect) as caught, make_client(app).websocket_connect("/") as session:
        session.receive_text()
    assert (caught.value.code, caught.value.reason) == (code, reason)


def test_denial_response(make_client: ClientFactory) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        websocket = WebSocket(scope, receive, send)
        await websocket.receive()
        response = JSONResponse({"detail": "no"}, 418, headers={"x-a": "1"})
        await websocket.send_denial_response(response)

    with pytest.raises(WebSocketDenialResponse) as caught, make_client(app).websocket_connect("/"):
        pass
    assert caught.value.status_code == 418
    assert caught.value.json() == {"detail": "no"}
    names = [name for name, _ in caught.value.headers.raw]
    assert sorted(names) == [b"content-length", b"content-type", b"x-a"]


@pytest.mark.parametrize("accept", [True, False], ids=["accepted", "not accepted"])
def test_an_exception_of_the_app_is_raised(make_client: ClientFactory, accept: bool) -> None:
    failure = LookupError()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if accept:
            await receive()
            await send({"type": "websocket.accept"})
        raise failure

    with pytest.raises(LookupError) as caught, make_client(app).websocket_connect("/") as session:
        session.receive_text()
    assert caught.value is failure


def test_an_exception_while_the_test_does_not_look(make_client: ClientFactory) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await echo(scope, receive, send)
        raise LookupError

    with pytest.raises(LookupError), make_client(app).websocket_connect("/"):
        pass


def test_messages_before_a_close_are_received(make_client: ClientFactory) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        websocket = WebSocket(scope, receive, send)
        await websocket.accept()
        for n in range(3):
            await websocket.send_json(n)
        await websocket.close(1001)

    with make_client(app).websocket_connect("/") as session:
        assert [session.receive_json() for _ in range(3)] == [0, 1, 2]
        assert session.receive() == {"type": "websocket.close", "code": 1001, "reason": ""}


def test_two_sessions_share_an_engine(make_client: ClientFactory) -> None:
    app = FastAPI()
    members: list[WebSocket] = []

    @app.websocket("/room")
    async def room(websocket: WebSocket) -> None:
        await websocket.accept()
        members.append(websocket)
        async for text in websocket.iter_text():
            for member in members:
                await member.send_text(text)
        members.remove(websocket)
        for member in members:
            await member.send_text("left")

    with make_client(app) as client, client.websocket_connect("/room") as first:
        with client.websocket_connect("/room") as second:
            second.send_text("hello")
            assert [first.receive_text(), second.receive_text()] == ["hello", "hello"]
        assert first.receive_text() == "left"
        assert client.get("/room").status_code == 404
