"""The side channel: one request's facts that a socket does not carry, from the test to the app and back."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from turboapi.testclient.plans import install_plans

Headers = list[tuple[bytes, bytes]]


class AppFailed(Exception):
    """Tells the engine that the app failed; the test gets the app's own exception from the portal."""


class Exchange:
    """One request: expected by the test's thread, delivered by the engine, run in the portal's task group.

    The app does not run in the engine's task. `run` is started through the portal, so the app has a copy of
    the calling thread's context and its outcome is a future of the test's thread, both as with the stock
    client; `deliver` is what the engine calls, and returns when `run` has ended.
    """

    type: str
    """The scope type."""

    def __init__(self, app: ASGIApp, scope: Scope) -> None:
        """`scope` holds what the app sees in place of the engine's values; other keys stay the engine's."""
        self.app = app
        self.scope = scope
        self.arrived = asyncio.Event()
        self.ended = asyncio.Event()
        self.returned = False
        self._cancel_scope: anyio.CancelScope | None = None
        self._engine_receive: Receive
        self._engine_send: Send

    async def run(self) -> None:
        """Wait for the engine's call, then run the app; its exception is this coroutine's."""
        try:
            with anyio.CancelScope() as self._cancel_scope:
                await self.arrived.wait()
                install_plans(self.app)
                await self.app(self.scope, self.receive, self.send)
                self.returned = True
        finally:
            self.ended.set()

    async def deliver(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The engine's call. Raises `AppFailed` where a server has to answer 500 or to break the
        connection."""
        if scope["type"] != self.type:
            raise RuntimeError(f"The engine made a scope of type {scope['type']!r} of a {self.type} request.")
        self.scope = {**scope, **self.scope, "extensions": {**scope.get("extensions", {}), **self.extensions}}
        self._engine_receive = receive
        self._engine_send = send
        self.arrived.set()
        await self.ended.wait()
        if self._cancelled:
            # Returning before the engine has seen that the client is gone would be logged as the app's error.
            await self._await_disconnect()
        elif not self.returned or not self.complete:
            raise AppFailed

    @property
    def extensions(self) -> dict[str, Any]:
        """ASGI extensions that the side channel offers beyond the engine's."""
        return {}

    @property
    def complete(self) -> bool:
        """Whether the app has sent everything that the protocol asks of it."""
        raise NotImplementedError

    async def receive(self) -> Message:
        """The app's `receive`."""
        return await self._engine_receive()

    async def send(self, message: Message) -> None:
        """The app's `send`."""
        await self._engine_send(message)

    def cancel(self) -> None:
        """Cancel the app. Called on the loop's thread."""
        if self._cancel_scope is not None:
            self._cancel_scope.cancel()

    @property
    def _cancelled(self) -> bool:
        return not self.returned and self._cancel_scope is not None and self._cancel_scope.cancelled_caught

    async def _await_disconnect(self) -> None:
        while not (await self._engine_receive())["type"].endswith(".disconnect"):
            pass


def _as_sent(message: Message, sent: Message) -> Message:
    """A disconnect as the test wrote it: a close frame can say neither 1006 nor that there is no reason."""
    code = sent.get("code", 1000)
    return {**message, "code": code, "reason": message.get("reason") or sent.get("reason")}


def _names(message: Message) -> dict[bytes, bytes]:
    """The names of a message's headers: in lower case, and as the app wrote them."""
    return {bytes(name).lower(): bytes(name) for name, _ in message.get("headers", ())}


class HttpExchange(Exchange):
    """An http request. Offers the extensions ``http.response.debug`` and ``http.response.trailers``."""

    type = "http"

    def __init__(self, app: ASGIApp, scope: Scope) -> None:
        super().__init__(app, scope)
        self.response_started = False
        self.body_complete = False
        self.header_names: dict[bytes, bytes] = {}
        self.trailers_expected = False
        self.trailers: Headers = []
        self._trailers_sent = False
        self.debug_info: dict[str, Any] | None = None

    @property
    def extensions(self) -> dict[str, Any]:
        return {"http.response.debug": {}, "http.response.trailers": {}}

    @property
    def complete(self) -> bool:
        return self.body_complete

    async def send(self, message: Message) -> None:
        match message["type"]:
            case "http.response.debug":
                self.debug_info = message["info"]
            case "http.response.push":
                pass  # An app that enables the extension itself; the stock client drops the message.
            case "http.response.start":
                self.header_names = _names(message)
                self.trailers_expected = message.get("trailers", False)
                self.response_started = True
                await self._engine_send({key: value for key, value in message.items() if key != "trailers"})
            case "http.response.body":
                # Set first: the test may act on the last bytes before this task goes on.
                self.body_complete = self.body_complete or not message.get("more_body", False)
                await self._engine_send(message)
                if not self.body_complete:
                    # A producer that never waits must still be open to `cancel`, as it is with the stock
                    # client.
                    await asyncio.sleep(0)
            case "http.response.trailers":
                self._take_trailers(message)
            case _:
                await self._engine_send(message)

    @property
    def trailers_complete(self) -> bool:
        """Whether the app has sent the trailers that it has announced."""
        return self._trailers_sent or not self.trailers_expected

    def _take_trailers(self, message: Message) -> None:
        assert self.trailers_expected, "The app sent trailers without declaring trailers."
        assert self.body_complete, "The app sent trailers before body completed."
        assert not self._trailers_sent, "The app sent trailers after response completed."
        self.trailers.extend(message.get("headers", []))
        self._trailers_sent = not message.get("more_trailers", False)


class WebSocketExchange(Exchange):
    """A websocket session."""

    type = "websocket"

    def __init__(self, app: ASGIApp, scope: Scope) -> None:
        super().__init__(app, scope)
        self.accepted = False
        self.denial_complete = False
        self.header_names: dict[bytes, bytes] = {}
        self.close_message: Message | None = None
        self.client_close: Message | None = None
        self.disconnected = False
        self.changed = asyncio.Event()
        self._receiving = 0

    async def run(self) -> None:
        try:
            await super().run()
        finally:
            self.changed.set()

    @property
    def complete(self) -> bool:
        return self.accepted or self.denial_complete or self.close_message is not None

    @property
    def awaits_disconnect(self) -> bool:
        """Whether the app sits in `receive` and has not been told of the disconnect."""
        return self._receiving > 0 and not self.disconnected

    async def receive(self) -> Message:
        self._receiving += 1
        self.changed.set()
        try:
            message = await self._engine_receive()
        finally:
            self._receiving -= 1
            self.changed.set()
        if message["type"] == "websocket.disconnect":
            self.disconnected = True
            if self.client_close is not None:
                message = _as_sent(message, self.client_close)
        return message

    async def send(self, message: Message) -> None:
        match message["type"]:
            case "websocket.accept":
                self.accepted = True
                self.header_names = _names(message)
            case "websocket.close":
                self.close_message = message
            case "websocket.http.response.start":
                self.header_names = _names(message)
            case "websocket.http.response.body":
                self.denial_complete = not message.get("more_body", False)
        try:
            await self._engine_send(message)
        except OSError:
            # What the app says after the test has closed goes nowhere; the stock session takes it silently.
            if self.client_close is None:
                raise

    async def _await_disconnect(self) -> None:
        if not self.disconnected:
            await super()._await_disconnect()
