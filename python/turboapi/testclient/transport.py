"""The httpx transport: one connection to an engine a request, and the wait for the app's end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from anyio.from_thread import BlockingPortal
from starlette.testclient import _Upgrade
from starlette.types import ASGIApp

from turboapi.testclient.exchange import HttpExchange
from turboapi.testclient.request import scope_overrides, shown_headers, wire_headers, wire_method
from turboapi.testclient.server import EngineServer
from turboapi.testclient.websocket import WebSocketTestSession
from turboapi.testclient.wire import Head, HttpConnection, Truncated, app_headers

if TYPE_CHECKING:
    import httpx2 as httpx
else:
    # The one of httpx2 and httpx that the installed Starlette has chosen.
    from starlette.testclient import httpx


class EngineTransport(httpx.BaseTransport):
    """Sends each request over a new connection.

    Inside ``with client`` all requests share one engine on the client's portal; outside, each has a portal,
    an event loop and an engine of its own, as with the stock client.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        portal_factory: Callable[[], AbstractContextManager[BlockingPortal]],
        shared_portal: Callable[[], BlockingPortal | None],
        raise_server_exceptions: bool,
        root_path: str,
        client: tuple[str, int],
        app_state: dict[str, Any],
    ) -> None:
        self.app = app
        self.raise_server_exceptions = raise_server_exceptions
        self.root_path = root_path
        self.client = client
        self.app_state = app_state
        self._portal_factory = portal_factory
        self._shared_portal = shared_portal
        self._shared_server: EngineServer | None = None
        self._lock = threading.Lock()
        self._open: set[_HttpCall] = set()

    def close(self) -> None:
        """Cancel what still runs, and stop the shared engine."""
        with ExitStack() as stack:
            with self._lock:
                if self._shared_server is not None:
                    stack.callback(self._shared_server.close)
                self._shared_server = None
            while self._open:
                stack.callback(self._open.pop().abort)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        shown = shown_headers(request)
        if request.url.scheme in ("ws", "wss"):
            scope = self._scope(request, shown)
            offered = request.headers.get("sec-websocket-protocol")
            scope["subprotocols"] = [] if offered is None else [value.strip() for value in offered.split(",")]
            raise _Upgrade(WebSocketTestSession(self.app, scope, request.url.raw_path, self.serving))
        body = request.read()
        sent = wire_headers(shown, body)
        exchange = HttpExchange(self.app, self._scope(request, shown if sent != shown else None))
        with ExitStack() as stack:
            call = _HttpCall(self, exchange, stack.enter_context(self.serving()))
            stack.push(call.finish)
            call.send(request, sent, body)
            head = call.head()
            if head is None:
                stack.close()
                if self.raise_server_exceptions:
                    raise AssertionError("TestClient did not receive any response.")
                return httpx.Response(500, request=request)
            call.exit_stack = stack.pop_all()
            self._open.add(call)
        return _response(request, head, call)

    @contextmanager
    def serving(self) -> Generator[EngineServer]:
        """An engine: the shared one inside ``with client``, else one for the length of this context."""
        with self._portal_factory() as portal:
            if portal is not self._shared_portal():
                with EngineServer(portal) as server:
                    yield server
                return
            with self._lock:
                shared = self._shared_server
                if shared is None or shared.portal is not portal:
                    shared = self._shared_server = EngineServer(portal)
            yield shared

    def forget(self, call: _HttpCall) -> None:
        self._open.discard(call)

    def _scope(self, request: httpx.Request, headers: list[tuple[bytes, bytes]] | None) -> dict[str, Any]:
        return scope_overrides(
            request, root_path=self.root_path, client=self.client, state=self.app_state, headers=headers
        )


class _HttpCall:
    """A request in flight: its connection, its exchange, and the future of the app."""

    def __init__(self, transport: EngineTransport, exchange: HttpExchange, server: EngineServer) -> None:
        self.exchange = exchange
        self.exit_stack: ExitStack
        self._transport = transport
        self._server = server
        self._app: Future[None] = server.portal.start_task_soon(exchange.run)
        self._connection: HttpConnection | None = None
        self._received = False

    def send(self, request: httpx.Request, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self._connection = HttpConnection(self._server.connect())
        headers = [*headers, self._server.expect(self.exchange)]
        self._connection.request(wire_method(request.method), request.url.raw_path, headers, body)

    def head(self) -> Head | None:
        """The response's head; None if it is not the app's, because the app sent none."""
        assert self._connection is not None
        try:
            head = self._connection.head()
        except Truncated:
            if not self._app_ended_early():
                raise
            return None
        # An answer to a request that the engine refused is passed on, the app did not see the request.
        return head if self.exchange.response_started or not self.exchange.arrived.is_set() else None

    def body(self) -> Iterator[bytes]:
        """The body; at its end waits for the app, and raises the app's exception."""
        assert self._connection is not None
        try:
            yield from self._connection.body()
            self._received = True
        except Truncated as error:
            if not self._app_ended_early():
                raise httpx.RemoteProtocolError(str(error)) from error
        self.exit_stack.close()

    def finish(self, exc_type: type[BaseException] | None, *_: object) -> None:
        """Wait for the app, cancelled first if its response was given up; raise its exception."""
        if self._connection is not None:
            self._connection.close()
        exchange = self.exchange
        wanted = exchange.body_complete and exchange.trailers_complete
        if not self._app.done() and not (wanted or (self._received and exchange.arrived.is_set())):
            self._server.portal.call(exchange.cancel)
        wait([self._app])
        self._transport.forget(self)
        if exc_type is None and self._transport.raise_server_exceptions and (error := self._app.exception()):
            raise error

    def abort(self) -> None:
        """Cancel the app and release everything."""
        self._server.portal.call(self.exchange.cancel)
        self.exit_stack.close()

    def _app_ended_early(self) -> bool:
        """Whether the app, and not the engine, is why a response is missing or incomplete."""
        return self.exchange.ended.is_set() and not (self.exchange.returned and self.exchange.complete)


class _ResponseStream(httpx.SyncByteStream):
    def __init__(self, call: _HttpCall) -> None:
        self._call = call

    def __iter__(self) -> Iterator[bytes]:
        return self._call.body()

    def close(self) -> None:
        self._call.exit_stack.close()


def _response(request: httpx.Request, head: Head, call: _HttpCall) -> httpx.Response:
    exchange = call.exchange
    arrived = exchange.arrived.is_set()
    headers = app_headers(head, exchange.header_names) if arrived else head.headers.raw_items()
    response = httpx.Response(
        head.status_code, headers=headers, stream=_ResponseStream(call), request=request
    )
    if exchange.trailers_expected:
        response.extensions["http.response.trailers"] = exchange.trailers
    if exchange.debug_info is not None:
        response.extensions["http.response.debug"] = exchange.debug_info
        for name in ("template", "context"):
            if name in exchange.debug_info:
                setattr(response, name, exchange.debug_info[name])
    return response
