"""WebSocket sessions over the engine."""

from __future__ import annotations

import base64
import os
from collections import deque
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Self

import anyio
from anyio.from_thread import BlockingPortal
from starlette.testclient import WebSocketDenialResponse
from starlette.testclient import WebSocketTestSession as StockSession
from starlette.types import ASGIApp, Message
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from turboapi.testclient.exchange import WebSocketExchange
from turboapi.testclient.request import wire_headers
from turboapi.testclient.server import EngineServer
from turboapi.testclient.wire import Head, HttpConnection, Truncated, app_headers, read, write

_HANDSHAKE = (
    b"connection",
    b"sec-websocket-accept",
    b"sec-websocket-extensions",
    b"sec-websocket-key",
    b"sec-websocket-protocol",
    b"upgrade",
)
_NO_STATUS = 1005
_ABNORMAL = 1006
# The stock session cancels the app as soon as the disconnect is queued. Here the close frame has to arrive
# first, and an app that has received it gets a moment to end by itself.
_DELIVERY_SECONDS = 5.0
_ENDING_SECONDS = 0.1


@contextmanager
def _portal(serving: Callable[[], AbstractContextManager[EngineServer]]) -> Generator[BlockingPortal]:
    with serving() as server:
        yield server.portal


class WebSocketTestSession(StockSession):
    """The stock session's interface; `send` and `receive` write and read frames on a socket."""

    def __init__(
        self,
        app: ASGIApp,
        scope: dict[str, Any],
        target: bytes,
        serving: Callable[[], AbstractContextManager[EngineServer]],
    ) -> None:
        """A session that is not yet connected. `scope` holds what the app sees over the engine's values, its
        headers among them; `target` is the request target to send."""
        super().__init__(app, scope, lambda: _portal(serving))
        self._serving = serving
        self._target = target
        self._exchange = WebSocketExchange(app, scope)
        self._protocol = Protocol(Side.CLIENT, state=State.OPEN, max_size=None)
        self._fragments: list[Frame] = []
        self._messages: deque[Message] = deque()
        self._ended = False

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            server = stack.enter_context(self._serving())
            self.portal = server.portal
            app = self.portal.start_task_soon(self._exchange.run)
            stack.callback(app.result)
            stack.callback(self.portal.call, self._exchange.cancel)
            self._socket = stack.enter_context(server.connect())
            connection = HttpConnection(self._socket)
            headers = [*self._handshake_headers(), server.expect(self._exchange)]
            connection.request(b"GET", self._target, headers, b"")
            try:
                head = connection.head()
            except Truncated:
                if self._exchange.ended.is_set():
                    raise anyio.EndOfStream from None
                raise
            if head.status_code != 101:
                self._refused(head, connection)
            self._accepted(head)
            if early := connection.trailing_data:
                self._feed(early)
            stack.callback(self.portal.call, self._await_end)
            stack.callback(self.close, 1000)
            self.exit_stack = stack.pop_all()
            return self

    def send(self, message: Message) -> None:
        """Send a ``websocket.receive`` or ``websocket.disconnect`` as a frame; nothing after the close.

        Raises `RuntimeError` for messages that only a server can make.
        """
        if message["type"] not in ("websocket.receive", "websocket.disconnect"):
            raise RuntimeError(f"A client cannot send {message['type']!r}.")
        if self._ended or self._protocol.state is not State.OPEN:
            return
        if message["type"] == "websocket.disconnect":
            self._exchange.client_close = message
            code, reason = message.get("code", 1000), message.get("reason") or ""
            if code == _ABNORMAL:
                self._socket.close()
                self._ended = True
                return
            self._protocol.send_close(None if code == _NO_STATUS else code, reason)
        elif (text := message.get("text")) is not None:
            self._protocol.send_text(text.encode())
        else:
            self._protocol.send_binary(message["bytes"])
        self._flush()

    def receive(self) -> Message:
        """The app's next message. Raises `anyio.EndOfStream` once the app has failed, as the stock
        session."""
        while not self._messages:
            if self._ended:
                raise anyio.EndOfStream
            self._feed(read(self._socket))
            self._flush()
        return self._messages.popleft()

    def _handshake_headers(self) -> list[tuple[bytes, bytes]]:
        shown = wire_headers(self.scope["headers"], b"")
        headers = [(name, value) for name, value in shown if name not in _HANDSHAKE]
        headers += [
            (b"connection", b"Upgrade"),
            (b"upgrade", b"websocket"),
            (b"sec-websocket-key", base64.b64encode(os.urandom(16))),
        ]
        if self.scope["subprotocols"]:
            headers.append((b"sec-websocket-protocol", ", ".join(self.scope["subprotocols"]).encode()))
        return headers

    def _accepted(self, head: Head) -> None:
        headers = app_headers(head, self._exchange.header_names)
        chosen = [value.decode() for name, value in headers if name.lower() == b"sec-websocket-protocol"]
        extra = [(name, value) for name, value in headers if name.lower() not in _HANDSHAKE]
        # The stock class declares both by assigning None.
        self.accepted_subprotocol = chosen[0] if chosen else None  # type: ignore[assignment]
        self.extra_headers = extra  # type: ignore[assignment]

    def _refused(self, head: Head, connection: HttpConnection) -> None:
        """Raise what the stock session raises for a session that was not accepted."""
        body = b"".join(connection.body())
        if not self._exchange.arrived.is_set():
            raise RuntimeError(f"The engine refused the WebSocket handshake: {head.status_code} {body!r}")
        if self._exchange.close_message is not None:
            self._raise_on_close(self._exchange.close_message)
        if not self._exchange.denial_complete:
            raise anyio.EndOfStream
        headers = app_headers(head, self._exchange.header_names)
        raise WebSocketDenialResponse(status_code=head.status_code, headers=headers, content=body)

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data and not self._ended:
                write(self._socket, data, self._feed)

    def _feed(self, data: bytes) -> None:
        """Take bytes from the engine; none means that it has closed the connection."""
        if data:
            self._protocol.receive_data(data)
        elif self._protocol.state is not State.CLOSED:
            self._protocol.receive_eof()
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._on_frame(event)
        if not data and not self._ended:
            self._end(_ABNORMAL, "")

    def _on_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            close = self._protocol.close_rcvd
            self._end(close.code if close else _ABNORMAL, close.reason if close else "")
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._fragments.append(frame)
            if frame.fin:
                data = b"".join(fragment.data for fragment in self._fragments)
                text = self._fragments[0].opcode is Opcode.TEXT
                self._fragments.clear()
                self._messages.append(
                    {"type": "websocket.send", **({"text": data.decode()} if text else {"bytes": data})}
                )

    def _end(self, code: int, reason: str) -> None:
        """The engine has ended the session: by the app's close, by its return, or by its failure."""
        self._ended = True
        exchange = self._exchange
        if exchange.close_message is not None or exchange.returned:
            self._messages.append({"type": "websocket.close", "code": code, "reason": reason})

    async def _await_end(self) -> None:
        """Let the app receive the disconnect, if it waits for one, and end by itself."""
        exchange = self._exchange
        with anyio.move_on_after(_DELIVERY_SECONDS):
            while not exchange.ended.is_set():
                exchange.changed.clear()
                if exchange.awaits_disconnect:
                    await exchange.changed.wait()
                    continue
                with anyio.move_on_after(_ENDING_SECONDS) as quiet:
                    await exchange.changed.wait()
                if quiet.cancelled_caught:
                    return
