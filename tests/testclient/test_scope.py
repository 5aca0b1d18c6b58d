"""The scope and the body that an app sees, and the response that a test sees: equal with both clients."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient as StockTestClient
from starlette.types import Receive, Scope, Send

from turboapi.testclient import TestClient

REQUESTS: dict[str, dict[str, Any]] = {
    "plain": {"method": "GET", "url": "/"},
    "query": {"method": "GET", "url": "/a?x=1&x=2&y=%20+&z"},
    "encoded path": {"method": "GET", "url": "/caf%C3%A9/a%2Fb/%25/%7E"},
    "twice encoded path": {"method": "GET", "url": "/%2525"},
    "unicode path": {"method": "GET", "url": "/\u2603/\u00fc?\u00fc=\u00fc"},
    "https": {"method": "GET", "url": "https://example.org/a"},
    "other port": {"method": "GET", "url": "http://example.org:8080/a"},
    "ipv6 host": {"method": "GET", "url": "http://[::1]:81/"},
    "host header": {"method": "GET", "url": "/", "headers": {"host": "other.example"}},
    "duplicate headers": {
        "method": "GET",
        "url": "/",
        "headers": [("x-a", "1"), ("x-a", "3"), ("X-B", "2"), ("Cookie", "a=b")],
    },
    "utf-8 header value": {"method": "GET", "url": "/", "headers": [(b"x-a", "\u2603".encode())]},
    "header value with spaces": {"method": "GET", "url": "/", "headers": {"x-a": "  a  b  ", "x-b": ""}},
    "header value that no message carries": {"method": "GET", "url": "/", "headers": {"x-a": "a\nb"}},
    "header name that no message carries": {"method": "GET", "url": "/", "headers": {"x a": "1"}},
    "wrong content-length": {
        "method": "POST",
        "url": "/",
        "content": b"abc",
        "headers": {"content-length": "100000"},
    },
    "length and chunked": {
        "method": "POST",
        "url": "/",
        "content": b"abc",
        "headers": {"content-length": "3", "transfer-encoding": "chunked"},
    },
    "expect": {"method": "POST", "url": "/", "content": b"abc", "headers": {"expect": "100-continue"}},
    "connection header": {"method": "GET", "url": "/", "headers": {"connection": "close"}},
    "upgrade header": {"method": "GET", "url": "/", "headers": {"connection": "upgrade", "upgrade": "h2c"}},
    "json": {"method": "POST", "url": "/", "json": {"a": [1, None]}},
    "form": {"method": "PUT", "url": "/", "data": {"a": "1", "b": "2"}},
    "empty body": {"method": "POST", "url": "/"},
    "body of a GET": {"method": "GET", "url": "/", "content": b"body"},
    "large body": {"method": "POST", "url": "/", "content": b"x" * 3_000_000},
    "DELETE with body": {"method": "DELETE", "url": "/", "content": b"body"},
    "HEAD": {"method": "HEAD", "url": "/"},
    "OPTIONS": {"method": "OPTIONS", "url": "/"},
    "TRACE": {"method": "TRACE", "url": "/"},
    "CONNECT": {"method": "CONNECT", "url": "/a"},
    "QUERY": {"method": "QUERY", "url": "/", "content": b"select"},
    "PROPFIND": {"method": "PROPFIND", "url": "/"},
    "own method": {"method": "X-Own!", "url": "/"},
    "cookies": {"method": "GET", "url": "/", "cookies": {"a": "b", "c": "d"}},
    "basic auth": {"method": "GET", "url": "/", "auth": ("user", "password")},
}


async def describe(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with everything that it was given."""
    body = b""
    while True:
        message = await receive()
        assert message["type"] == "http.request"
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    # The stock client's scope has no "asgi"; a server must have it.
    described = {key: value for key, value in scope.items() if key not in ("asgi", "headers")}
    described["headers"] = [[text.decode("latin-1") for text in header] for header in scope["headers"]]
    described["body"] = len(body), body[:100].decode()
    content = json.dumps(described, default=lambda value: value.decode("latin-1")).encode()
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"x-a", b"1"), (b"set-cookie", b"a=b"), (b"set-cookie", b"c=d"), (b"x-b", b"2")],
        }
    )
    await send({"type": "http.response.body", "body": b"", "more_body": True})
    await send({"type": "http.response.body", "body": content})


def ask(client: StockTestClient, request: dict[str, Any]) -> tuple[int, list[tuple[bytes, bytes]], Any]:
    headers = request.get("headers")
    response = client.request(**{**request, "headers": httpx2.Headers(headers) if headers else None})
    return response.status_code, response.headers.raw, response.content and response.json()


@pytest.mark.filterwarnings("ignore:Setting per-request cookies")
@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS.keys())
def test_app_sees_what_the_stock_client_shows(request_: dict[str, Any]) -> None:
    options: dict[str, Any] = {"root_path": "/root", "client": ("192.0.2.1", 4711)}
    ours, stock = (ask(client(describe, **options), request_) for client in (TestClient, StockTestClient))
    assert ours == stock


@pytest.mark.parametrize("status", [200, 204, 304, 404, 503, 599])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_responses_have_nothing_that_the_server_adds(status: int, method: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status})
        await send({"type": "http.response.body"})

    def ask(client: type[StockTestClient]) -> tuple[Any, ...]:
        response = client(app).request(method, "/")
        return response.status_code, response.reason_phrase, response.headers.raw, response.content

    assert ask(TestClient) == ask(StockTestClient)


def test_what_the_app_says_itself_stays() -> None:
    headers = [(b"date", b"today"), (b"server", b"own"), (b"content-length", b"2"), (b"connection", b"close")]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})

    assert sorted(TestClient(app).get("/").headers.raw) == sorted(headers)


def test_websocket_scope() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        seen = {key: value for key, value in scope.items() if key not in ("asgi", "http_version")}
        extra = [(b"x-a", b"1"), (b"x-a", b"2")]
        await send({"type": "websocket.accept", "subprotocol": "b", "headers": extra})
        await send({"type": "websocket.send", "text": repr(sorted(seen.items()))})
        await send({"type": "websocket.close"})

    def connect(client: StockTestClient) -> tuple[Any, ...]:
        url = "/a%2Fb?q=%20"
        with client.websocket_connect(url, subprotocols=["a", "b"], headers={"x-b": "1"}) as session:
            return session.accepted_subprotocol, session.extra_headers, session.receive_text()

    ours, stock = (connect(client(app, root_path="/root")) for client in (TestClient, StockTestClient))
    assert ours == stock
