"""Forwarding headers, against uvicorn's own middleware on the same request (DEMANDS trap 31)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from processes import ServerProcess, receive_until
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from websockets.sync.client import connect

Fields = tuple[tuple[str, str], ...]

APP = """
import json

def seen(scope):
    return json.dumps([scope["scheme"], scope["client"]])

async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": seen(scope)})
        while (await receive())["type"] != "websocket.disconnect":
            pass
    elif scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": seen(scope).encode()})
    else:
        raise RuntimeError(scope["type"])
"""

TRUSTED = {
    "default": "127.0.0.1",
    "networks": "127.0.0.0/8,10.0.0.0/8,proxy,2001:db8::/32",
    "anyone": "*",
    "wild-card-in-a-list": "*,127.0.0.1",
    "another": "10.0.0.1",
}


def forwarded_for(*values: str) -> Fields:
    return tuple(("X-Forwarded-For", value) for value in values)


def forwarded_proto(*values: str) -> Fields:
    return tuple(("X-Forwarded-Proto", value) for value in values)


FIELDS: tuple[Fields, ...] = (
    (),
    forwarded_for("203.0.113.9"),
    forwarded_for("203.0.113.9:4711"),
    forwarded_for("203.0.113.9:-1"),
    forwarded_for("203.0.113.9: 8_0"),
    forwarded_for("203.0.113.9:x"),
    forwarded_for("203.0.113.9, 10.1.2.3"),
    forwarded_for("203.0.113.9,10.1.2.3:80 ,\t127.0.0.1"),
    forwarded_for("10.0.0.1, 10.0.0.2"),
    forwarded_for("127.0.0.1:1, 127.0.0.1:2"),
    forwarded_for("203.0.113.9, proxy"),
    forwarded_for("203.0.113.9, *"),
    forwarded_for("[2001:db8::1]:443"),
    forwarded_for("[2001:db8::1]"),
    forwarded_for("2001:db8::1"),
    forwarded_for("203.0.113.9, [2001:0DB8:0::1]:443"),
    forwarded_for("[2001:db8::1"),
    forwarded_for("[2001:db8::1]x"),
    forwarded_for("[]:1"),
    forwarded_for(":1"),
    forwarded_for("::ffff:127.0.0.1"),
    forwarded_for("010.0.0.1"),
    forwarded_for("unknown"),
    forwarded_for("h\xf6st"),
    forwarded_for("\xa0203.0.113.9\xa0"),
    forwarded_for(""),
    forwarded_for("203.0.113.9,"),
    forwarded_for(", 203.0.113.9"),
    forwarded_for("203.0.113.9, , 127.0.0.1"),
    forwarded_for("198.51.100.1", "203.0.113.9"),
    forwarded_for("198.51.100.1", "203.0.113.9", "127.0.0.1"),
    forwarded_for("", "203.0.113.9"),
    forwarded_for("203.0.113.9", ""),
    forwarded_proto("https"),
    forwarded_proto("http"),
    forwarded_proto("wss"),
    forwarded_proto("ws"),
    forwarded_proto(" https\t"),
    forwarded_proto("HTTPS"),
    forwarded_proto("https, http"),
    forwarded_proto("gopher"),
    forwarded_proto(""),
    forwarded_proto("http", "https"),
    forwarded_proto("https", "gopher"),
    forwarded_proto("https") + forwarded_for("203.0.113.9"),
)


@pytest.fixture(scope="module", params=list(TRUSTED.values()), ids=list(TRUSTED))
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, ServerProcess]]:
    """The list of trusted proxies, and an engine that has it."""
    directory: Path = tmp_path_factory.mktemp("proxy")
    (directory / "main.py").write_text(APP)
    options = ("--port", "0", "--lifespan", "off", "--forwarded-allow-ips", request.param)
    process = ServerProcess(("-m", "turboapi", "run", "main:app", *options), directory)
    process.wait_for("running on")
    yield request.param, process
    process.kill()


def expected(trusted: str, kind: str, scheme: str, peer: tuple[str, int], fields: Fields) -> list[Any]:
    """Scheme and client as uvicorn's middleware leaves them in the scope."""
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope)

    # The parser of a server removes the white space around a value.
    headers = [(name.lower().encode(), value.strip(" \t").encode("latin-1")) for name, value in fields]
    scope: Any = {"type": kind, "scheme": scheme, "client": peer, "headers": headers}
    unused: Any = None
    asyncio.run(ProxyHeadersMiddleware(app, trusted)(scope, unused, unused))
    return [seen["scheme"], list(seen["client"])]


@pytest.mark.parametrize(
    "fields", FIELDS, ids=lambda fields: " ".join(f"{n[12:]}={v!r}" for n, v in fields) or "none"
)
def test_http_scope_is_uvicorns(server: tuple[str, ServerProcess], fields: Fields) -> None:
    trusted, process = server
    head = "".join(f"{name}: {value}\r\n" for name, value in fields).encode("latin-1")
    with process.connect() as connection:
        peer = connection.getsockname()
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + head + b"\r\n")
        response = receive_until(connection, b"]]")
    assert response.startswith(b"HTTP/1.1 200 ")
    seen = json.loads(response[response.index(b'["') : response.index(b"]]") + 2])
    assert seen == expected(trusted, "http", "http", peer, fields)


@pytest.mark.parametrize("value", ["http", "https", "ws", "wss", "gopher"])
def test_websocket_scope_is_uvicorns(server: tuple[str, ServerProcess], value: str) -> None:
    trusted, process = server
    fields = forwarded_proto(value) + forwarded_for("203.0.113.9:1")
    with connect(f"ws://127.0.0.1:{process.port}/", additional_headers=fields, proxy=None) as websocket:
        peer = websocket.local_address
        seen = json.loads(websocket.recv(timeout=30))
    assert seen == expected(trusted, "websocket", "ws", peer, fields)
