"""The HTTP scope, key by key (traps 3, 10, 12, 13, 15, 16, 28, 32, 33)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from .apps import App, Message, Receive, Send, reply
from .conftest import Serve
from .wire import get, post


def recording(scopes: list[Message]) -> App:
    """An app that keeps its scopes."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        await reply(send)

    return app


@pytest.fixture
def socket_path() -> Iterator[Path]:
    """A path short enough for a Unix socket."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory) / "s"


def test_trap03_the_whole_scope_is_uvicorns(serve: Serve) -> None:
    """All keys in uvicorn's order, exact types; spec_version 2.3, as 2.4 would promise an OSError from
    `send`."""
    scopes: list[Message] = []
    server = serve(recording(scopes), root_path="/root", state={"a": 1})
    client = server.connect()
    client.send(b"PUT /p%41th;x?q=%20&r HTTP/1.1\r\nHost: test\r\nX-Odd: \tv\r\n\r\n")
    assert client.read_response().status == 200
    [scope] = scopes
    expected = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": server.address,
        "client": client.name,
        "scheme": "http",
        "root_path": "/root",
        "headers": [(b"host", b"test"), (b"x-odd", b"v")],
        "state": {"a": 1},
        "method": "PUT",
        "path": "/root/pAth;x",
        "raw_path": b"/root/p%41th;x",
        "query_string": b"q=%20&r",
    }
    assert scope == expected
    assert list(scope) == list(expected)
    assert {key: type(value) for key, value in scope.items()} == {
        key: type(value) for key, value in expected.items()
    }
    assert [type(pair) for pair in scope["headers"]] == [tuple, tuple]


def test_trap03_http_1_0_has_its_version(serve: Serve) -> None:
    """Everything else is as with HTTP/1.1."""
    scopes: list[Message] = []
    serve(recording(scopes)).ask(b"GET / HTTP/1.0\r\n\r\n")
    assert scopes[0]["http_version"] == "1.0"
    assert scopes[0]["headers"] == []


def test_trap10_names_are_lower_case_and_duplicates_stay_apart(serve: Serve) -> None:
    """granian#717, #53, #16: cookies are not joined; values keep their case and inner spaces."""
    scopes: list[Message] = []
    serve(recording(scopes)).get(
        b"/", b"X-A: One  Two\r\nCookie: a=1\r\nCOOKIE: b=2\r\nx-empty:\r\nX-L1: \xe9\r\n"
    )
    assert scopes[0]["headers"] == [
        (b"host", b"test"),
        (b"x-a", b"One  Two"),
        (b"cookie", b"a=1"),
        (b"cookie", b"b=2"),
        (b"x-empty", b""),
        (b"x-l1", b"\xe9"),
    ]


def test_trap10_duplicates_with_others_between_them(serve: Serve) -> None:
    """granian#717: the list is the one that was sent."""
    scopes: list[Message] = []
    serve(recording(scopes)).get(b"/", b"X-A: 1\r\nX-B: 2\r\nX-A: 3\r\n")
    assert scopes[0]["headers"][1:] == [(b"x-a", b"1"), (b"x-b", b"2"), (b"x-a", b"3")]


@pytest.mark.engine_only("httptools tells each field by itself")
def test_trap10_the_order_of_fields_that_came_in_pieces(serve: Serve) -> None:
    """A section in several reads may be told grouped by name, which means the same (RFC 9110 section 5.3)."""
    scopes: list[Message] = []
    client = serve(recording(scopes)).connect()
    client.send(b"GET / HTTP/1.1\r\nHost: test\r\nX-A: 1\r\nX-B: 2\r\n")
    client.send(b"X-A: 3\r\n\r\n")
    assert client.read_response().status == 200
    assert sorted(scopes[0]["headers"][1:]) == [(b"x-a", b"1"), (b"x-a", b"3"), (b"x-b", b"2")]


@pytest.mark.engine_only("httptools leaves blanks at the end of a value")
def test_trap10_blanks_around_a_value_are_not_part_of_it(serve: Serve) -> None:
    """RFC 9110 section 5.5."""
    scopes: list[Message] = []
    serve(recording(scopes)).get(b"/", b"X-A:\t v w \t\r\n")
    assert scopes[0]["headers"][1] == (b"x-a", b"v w")


@pytest.mark.parametrize(
    ("target", "path", "raw_path", "query"),
    [
        (b"/", "/", b"/", b""),
        (b"/?", "/", b"/", b""),
        (b"/a?b?c", "/a", b"/a", b"b?c"),
        (b"/caf%C3%A9", "/café", b"/caf%C3%A9", b""),
        (b"/a%2Fb%20c", "/a/b c", b"/a%2Fb%20c", b""),
        (b"/%ff%fe", "/��", b"/%ff%fe", b""),
        (b"/%C3%28", "/�(", b"/%C3%28", b""),
        (b"/%zz%4", "/%zz%4", b"/%zz%4", b""),
        (b"/%00", "/\0", b"/%00", b""),
        (b"//double//", "//double//", b"//double//", b""),
        (b"/../x/./y", "/../x/./y", b"/../x/./y", b""),
        (b"/x?a=%ff&b=+", "/x", b"/x", b"a=%ff&b=+"),
        (b"http://other/abs?q", "/abs", b"/abs", b"q"),
    ],
    ids=lambda value: value.decode() if isinstance(value, bytes) else "",
)
def test_trap12_path_is_decoded_and_raw_path_is_not(
    serve: Serve, target: bytes, path: str, raw_path: bytes, query: bytes
) -> None:
    """granian#542, #492, #166; starlette#2716: invalid UTF-8 must not panic; the raw path has no query."""
    scopes: list[Message] = []
    response = serve(recording(scopes)).get(target)
    assert response.status == 200
    [scope] = scopes
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == (path, raw_path, query)


@pytest.mark.engine_only("uvicorn fails on the missing path and closes the connection without an answer")
def test_trap12_an_absolute_target_without_a_path_is_the_root(serve: Serve) -> None:
    """RFC 9110 section 4.2.3: an empty path is equivalent to "/"."""
    scopes: list[Message] = []
    assert serve(recording(scopes)).get(b"http://other").status == 200
    assert (scopes[0]["path"], scopes[0]["raw_path"]) == ("/", b"/")


def test_trap12_a_fragmented_target_is_put_together(serve: Serve) -> None:
    """uvicorn#1263: a parser calls back for each piece of the URL that it sees."""
    scopes: list[Message] = []
    server = serve(recording(scopes))
    client = server.connect()
    for piece in (
        b"GET /on",
        b"e/tw",
        b"o?thr",
        b"ee HT",
        b"TP/1.1\r\nHo",
        b"st: te",
        b"st\r",
        b"\n\r",
        b"\n",
    ):
        client.send(piece)
        server.barrier()
    assert client.read_response().status == 200
    assert (scopes[0]["path"], scopes[0]["query_string"]) == ("/one/two", b"three")
    assert scopes[0]["headers"] == [(b"host", b"test")]


@pytest.mark.parametrize("root_path", ["/api", "/with/ünïcode"])
def test_trap13_root_path_is_prefixed(serve: Serve, root_path: str) -> None:
    """uvicorn#2213; starlette#2400, #2352, #2600: `path` and `raw_path` start with it, and it is a key of its
    own."""
    scopes: list[Message] = []
    response = serve(recording(scopes), root_path=root_path).get(b"/x%20y")
    if not root_path.isascii() and serve.kind == "uvicorn":
        assert response.status == 400, "uvicorn cannot encode it"
        return
    [scope] = scopes
    assert scope["root_path"] == root_path
    assert scope["path"] == root_path + "/x y"
    assert scope["raw_path"] == root_path.encode() + b"/x%20y"


def test_trap15_state_is_a_shallow_copy_of_each_request(serve: Serve) -> None:
    """A key that one request sets is not seen by the next, objects that start-up made are the same ones."""
    scopes: list[Message] = []
    shared: list[int] = []
    state = {"pool": shared}

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        scope["state"][f"request{len(scopes)}"] = True
        await reply(send)

    client = serve(app, state=state).connect()
    for _ in range(2):
        client.send(get())
        assert client.read_response().status == 200
    first, second = (scope["state"] for scope in scopes)
    assert first is not second
    assert first is not state
    assert list(second) == ["pool", "request2"]
    assert first["pool"] is second["pool"] is shared
    assert state == {"pool": shared}


def test_trap16_what_an_app_changes_in_its_scope_stays_there(serve: Serve) -> None:
    """uvicorn#2573, #2977: neither the scope, nor its headers or `asgi` dict are used again by the server."""
    seen: list[tuple[Any, ...]] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        seen.append((dict(scope), list(scope["headers"]), dict(scope["asgi"]), id(scope["asgi"]), scope))
        scope["headers"].append((b"connection", b"close"))
        scope["headers"][:] = [(b"x", b"y"), *scope["headers"]]
        scope["asgi"]["spec_version"] = "9.9"
        scope["method"] = "BREW"
        scope["http_version"] = "0.9"
        scope["path"] = "/changed"
        del scope["client"]
        scope["extra"] = True
        await reply(send)

    server = serve(app)
    client = server.connect()
    for _ in range(2):
        client.send(get())
        response = client.read_response()
        assert response.complete
        assert response.values(b"connection") == []
    first, second = seen
    assert first[0].keys() == second[0].keys()
    assert first[1] == second[1] == [(b"host", b"test")]
    assert first[2] == second[2] == {"version": "3.0", "spec_version": "2.3"}
    assert first[4]["asgi"] is not second[4]["asgi"]
    assert first[4] is not second[4]
    assert second[0]["method"] == "GET"
    assert second[0]["client"] == client.name


@pytest.mark.parametrize("body", [b"", b"hello"], ids=["get", "post"])
def test_trap28_an_unknown_upgrade_is_ignored(serve: Serve, body: bytes) -> None:
    """uvicorn#1661, #2360: `Upgrade: h2c` is an offer, not an error; the request is served as it is."""
    scopes: list[Message] = []
    fields = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
    response = serve(recording(scopes)).ask(post(body, headers=fields) if body else get(headers=fields))
    assert (response.status, response.body) == (200, b"ok")
    assert scopes[0]["type"] == "http"
    assert (b"upgrade", b"h2c") in scopes[0]["headers"]


@pytest.mark.parametrize(
    "host", [b"", b"a b", b"[::1", b"ex\xc3\xa4mple", b"a:b:c", b"/../", b"host:99999999"]
)
def test_trap32_a_malformed_host_does_not_break_the_url(serve: Serve, host: bytes) -> None:
    """starlette#3279, #3326: what is no host goes to the app untouched or is refused with 400, never
    crashes."""
    urls: list[str] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        assert (b"host", host) in scope["headers"]
        urls.append(str(Request(scope).url))
        await reply(send)

    server = serve(app)
    response = server.ask(b"GET /path HTTP/1.1\r\nHost: %s\r\n\r\n" % host)
    assert response.status in (200, 400)
    if response.status == 200:
        assert urls[0].endswith("/path")
        assert server.errors == []


def test_trap33_an_ipv6_peer_is_a_host_and_a_port(serve: Serve) -> None:
    """granian#477: no brackets, no scope id, two elements."""
    scopes: list[Message] = []
    server = serve(recording(scopes), host="::1")
    client = server.connect()
    client.send(get())
    assert client.read_response().status == 200
    assert scopes[0]["client"] == client.name
    assert scopes[0]["server"] == ("::1", server.address[1])
    assert server.access_lines() == [f'::1:{client.name[1]} - "GET / HTTP/1.1" 200']


def test_trap33_a_unix_socket_has_no_client_and_a_path_as_server(serve: Serve, socket_path: Path) -> None:
    """uvicorn#2561."""
    scopes: list[Message] = []
    server = serve(recording(scopes), unix=socket_path, forwarded_allow_ips=[])
    client = server.connect()
    client.send(get())
    assert client.read_response().status == 200
    assert scopes[0]["client"] is None
    assert scopes[0]["server"] == (os.fspath(socket_path), None)
    assert server.access_lines() == [' - "GET / HTTP/1.1" 200']


@pytest.mark.parametrize("method", [b"GET", b"OPTIONS", b"PROPFIND", b"PATCH", b"DELETE"])
def test_the_method_is_a_str_as_it_was_written(serve: Serve, method: bytes) -> None:
    """Also one that has no constant of its own."""
    scopes: list[Message] = []
    assert serve(recording(scopes)).ask(get(method=method)).status == 200
    assert [scope["method"] for scope in scopes] == [method.decode()]


@pytest.mark.engine_only("httptools knows a fixed list of methods and answers 400 to others")
@pytest.mark.parametrize("method", [b"BREW", b"get", b"X-Y", b"A" * 100])
def test_any_token_is_a_method(serve: Serve, method: bytes) -> None:
    """RFC 9110 section 9.1: case-sensitive, and not the server's to judge."""
    scopes: list[Message] = []
    assert serve(recording(scopes)).ask(get(method=method)).status == 200
    assert [scope["method"] for scope in scopes] == [method.decode()]
