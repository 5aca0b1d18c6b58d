"""Response headers (traps 10, 11 and 30)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from .apps import App, Message, Receive, Send, body, reply, start
from .conftest import Serve
from .latch import PATIENCE
from .wire import get


def answering(headers: Iterable[Any], seen: list[BaseException] | None = None) -> App:
    """An app that answers with these headers; `seen` keeps what `send` raises."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
        except Exception as error:
            if seen is not None:
                seen.append(error)
            raise
        await send(body(b"ok"))

    return app


def test_trap10_response_fields_keep_order_and_duplicates(serve: Serve) -> None:
    """Two cookies are two fields, in the app's order; names go out in lower case as uvicorn writes them."""
    headers = [(b"X-One", b"1"), (b"set-cookie", b"a=1"), (b"Set-Cookie", b"b=2"), (b"x-two", b"2")]
    response = serve(answering(headers)).get()
    assert response.values(b"set-cookie") == [b"a=1", b"b=2"]
    own = [name for name in response.names if name not in (b"date", b"server", b"transfer-encoding")]
    assert own == [b"x-one", b"set-cookie", b"set-cookie", b"x-two"]


@pytest.mark.parametrize(
    "kind_of_iterable",
    [
        lambda pairs: [list(pair) for pair in pairs],
        tuple,
        iter,
        lambda pairs: (pair for pair in pairs),
        dict.items,
    ],
    ids=["lists", "tuple", "iterator", "generator", "items"],
)
def test_trap11_headers_may_be_any_iterable(
    serve: Serve, kind_of_iterable: Callable[[Any], Iterable[Any]]
) -> None:
    """granian#543: the specification says iterable, so a generator has to do."""
    pairs = {b"x-a": b"1", b"x-b": b"2"}
    headers = kind_of_iterable(pairs if kind_of_iterable is dict.items else list(pairs.items()))
    response = serve(answering(headers)).get()
    assert response.status == 200
    assert (response.values(b"x-a"), response.values(b"x-b")) == ([b"1"], [b"2"])


def test_trap11_headers_may_be_missing(serve: Serve) -> None:
    """`headers` is optional in `http.response.start`."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    response = serve(app).get()
    assert (response.status, response.body) == (200, b"")


BAD_FIELDS = [
    (b"x-a", b"a\rb"),
    (b"x-a", b"a\nb"),
    (b"x-a", b"a\r\nx-injected: 1"),
    (b"x-a", b"a\0b"),
    (b"x-a", b"a\x7fb"),
    (b"x a", b"1"),
    (b"x-a:", b"1"),
    (b"x\r\nx-injected", b"1"),
    (b"x(a)", b"1"),
]


@pytest.mark.parametrize("field", BAD_FIELDS, ids=repr)
def test_trap11_bytes_that_would_split_the_response_are_refused(
    serve: Serve, field: tuple[bytes, bytes]
) -> None:
    """uvicorn#2345: `send` raises RuntimeError and nothing of the field reaches the wire."""
    seen: list[BaseException] = []
    server = serve(answering([(b"x-fine", b"1"), field], seen))
    client = server.connect()
    client.send(get())
    assert b"x-injected" not in client.read_to_end()
    [error] = seen
    assert isinstance(error, RuntimeError)
    kind = "name" if field[0] != b"x-a" else "value"
    assert str(error) == f"Invalid HTTP header {kind}."
    assert server.error_texts == ["Exception in ASGI application\n"]


@pytest.mark.engine_only("uvicorn has marked the response as started by then and only closes the connection")
@pytest.mark.parametrize(
    "field", [(b"x-a", b"a\nb"), (b"", b"1"), (b"x-a", "text"), (b"x-a",), b"x-a"], ids=repr
)
def test_trap11_a_refused_head_leaves_room_for_an_error_response(serve: Serve, field: Any) -> None:
    """Nothing was sent, so the client gets a 500 and not an empty reply."""
    response = serve(answering([field])).get()
    assert (response.status, response.body) == (500, b"Internal Server Error")


@pytest.mark.parametrize("value", [b"a\tb", b"", b"\xe9t\xe9", b"a  b", b"\xff"], ids=repr)
def test_trap11_values_that_are_allowed_go_out_as_they_are(serve: Serve, value: bytes) -> None:
    """uvicorn#1782: HTAB and obs-text are legal in a value (RFC 9110 section 5.5)."""
    response = serve(answering([(b"x-a", value)])).get()
    assert response.status == 200
    assert response.values(b"x-a") == [value]


def test_trap30_each_response_has_one_date_and_one_server(serve: Serve) -> None:
    """Both are there without the app's doing."""
    response = serve(answering([])).get()
    assert len(response.values(b"date")) == 1
    assert len(response.values(b"server")) == 1
    assert parsedate_to_datetime(response.values(b"date")[0].decode()).year >= 2024


@pytest.mark.engine_only("uvicorn sends its own beside the app's")
@pytest.mark.parametrize(
    ("name", "value"),
    [(b"server", b"mine"), (b"Server", b"mine"), (b"date", b"Tue, 15 Nov 1994 08:12:31 GMT")],
)
def test_trap30_the_apps_own_date_and_server_replace_ours(serve: Serve, name: bytes, value: bytes) -> None:
    """uvicorn#1706: an origin server sends each of the two once (RFC 9110 sections 6.6.1 and 10.2.4)."""
    response = serve(answering([(name, value)])).get()
    assert response.values(name.lower()) == [value]


@pytest.mark.engine_only("uvicorn's date is set by its main loop, which the fixture leaves out")
def test_trap30_the_date_moves_on_while_a_connection_lives(serve: Serve) -> None:
    """A date made once a connection would go stale on a long one."""
    client = serve(answering([(b"content-length", b"2")])).connect()
    dates: set[bytes] = set()
    deadline = time.monotonic() + PATIENCE
    while len(dates) < 2 and time.monotonic() < deadline:
        client.send(get())
        dates.add(client.read_response().values(b"date")[0])
    assert len(dates) == 2


@pytest.mark.engine_only("the switches are in uvicorn's Config, not in its protocols")
def test_trap30_date_and_server_can_be_switched_off(serve: Serve) -> None:
    """`--no-server-header`, `--no-date-header`."""
    response = serve(answering([]), server_header=False, date_header=False).get()
    assert response.names == [b"transfer-encoding"]


@pytest.mark.engine_only("the fixture sets uvicorn's default headers itself")
def test_trap30_default_headers_come_with_every_response(serve: Serve) -> None:
    """`--header` of the command line: also on error responses, duplicates included."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["path"] == "/fail":
            raise ValueError
        await reply(send, headers=[(b"x-a", b"app")])

    server = serve(app, headers=[(b"X-A", b"1"), (b"x-a", b"2"), (b"server", b"proxy")])
    response = server.get()
    assert response.values(b"x-a") == [b"1", b"2", b"app"]
    assert response.values(b"server") == [b"proxy"]
    assert server.get(b"/fail").values(b"x-a") == [b"1", b"2"]


@pytest.mark.parametrize("path", [b"/", b"/fail"])
def test_trap30_no_second_content_type(serve: Serve, path: bytes) -> None:
    """django-bolt#163 shows two: the server adds one only to responses of its own."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        assert scope["path"] != "/fail"
        await reply(send, headers=[(b"content-type", b"application/json")])

    response = serve(app).get(path)
    assert len(response.values(b"content-type")) == 1


@pytest.mark.parametrize(
    "headers",
    [[(b"content-length", b"2")], [(b"Content-Length", b"2")], [(b"transfer-encoding", b"chunked")], []],
    ids=repr,
)
def test_trap18_the_framing_is_announced_once(serve: Serve, headers: list[tuple[bytes, bytes]]) -> None:
    """What the app announces is not announced again; without its announcement the body is chunked."""
    response = serve(answering(headers)).get()
    assert response.body == b"ok"
    lengths, codings = response.values(b"content-length"), response.values(b"transfer-encoding")
    assert (lengths, codings) == (([b"2"], []) if headers and headers[0][1] == b"2" else ([], [b"chunked"]))


@pytest.mark.parametrize("value", [b"close", b"Close", b"keep-alive, close"])
def test_trap27_connection_close_of_the_app_is_kept_once_and_obeyed(serve: Serve, value: bytes) -> None:
    """An app may end its connection."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send(start(headers=[(b"connection", value), (b"content-length", b"2")]))
        await send(body(b"ok"))

    client = serve(app).connect()
    client.send(get())
    response = client.read_response()
    assert response.values(b"connection") == [value]
    assert client.is_closed_by_peer
