"""From an httpx request to the scope that the app shall see and to what can travel over a socket."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from turboapi.testclient.exchange import Headers

if TYPE_CHECKING:
    import httpx2 as httpx

_DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_NAME = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(rb"[^\x00-\x1f\x7f \t](?:[^\x00-\x08\x0a-\x1f\x7f]*[^\x00-\x1f\x7f \t])?|")
_FRAMING = (b"content-length", b"transfer-encoding")

# An HTTP client may send CONNECT only to a proxy, with an authority as target and no body framing
# (RFC 9110 section 9.3.6); the app sees the method that the test asked for.
_WIRE_METHODS = {"CONNECT": "X-CONNECT"}


def shown_headers(request: httpx.Request) -> Headers:
    """The request headers as the stock client shows them to the app."""
    headers = [(name.lower().encode(), value.encode()) for name, value in request.headers.multi_items()]
    if "host" not in request.headers:
        headers.insert(0, (b"host", request.url.netloc))
    return headers


def wire_headers(shown: Headers, body: bytes) -> Headers:
    """`shown` with one Host, with the framing of `body`, and without fields that HTTP/1.1 cannot carry.

    Host comes first, where h11 writes it (RFC 9110 section 7.2 asks for it).
    """
    headers: Headers = []
    chunked = (b"transfer-encoding", b"chunked") in shown
    framed = not body and not any(name in _FRAMING for name, _ in shown)
    for name, value in shown:
        if name in _FRAMING:
            if not framed:
                framed = True
                headers.append(_framing(chunked, body))
        elif _NAME.fullmatch(name) and _VALUE.fullmatch(value) and not _second_host(name, headers):
            headers.append((name, value))
    if not framed:
        headers.append(_framing(chunked, body))
    return sorted(headers, key=lambda header: header[0] != b"host")


def wire_method(method: str) -> bytes:
    """The method to put in the request line."""
    return _WIRE_METHODS.get(method, method).encode("ascii")


def scope_overrides(
    request: httpx.Request,
    *,
    root_path: str,
    client: tuple[str, int],
    state: dict[str, Any],
    headers: Headers | None,
) -> dict[str, Any]:
    """What the app sees in place of the engine's scope values; `headers` if the socket carried others.

    Values that the engine takes from the wire are left to it: query string, raw path, HTTP version.
    """
    url = request.url
    raw_path = url.raw_path.split(b"?", 1)[0]
    scope: dict[str, Any] = {
        "scheme": url.scheme,
        "client": client,
        "server": [
            url.raw_host.decode("ascii"),
            _DEFAULT_PORTS[url.scheme] if url.port is None else url.port,
        ],
        "root_path": root_path,
        "state": state.copy(),
    }
    # httpx decodes `url.path` and the stock client decodes it again, so "%2525" arrives as "%".
    path = unquote(url.path)
    if path != unquote(raw_path.decode("ascii")):
        scope["path"] = path
    if request.method in _WIRE_METHODS:
        scope["method"] = request.method
    if headers is not None:
        scope["headers"] = headers
    return scope


def _framing(chunked: bool, body: bytes) -> tuple[bytes, bytes]:
    return (b"transfer-encoding", b"chunked") if chunked else (b"content-length", str(len(body)).encode())


def _second_host(name: bytes, headers: Headers) -> bool:
    return name == b"host" and any(other == b"host" for other, _ in headers)
