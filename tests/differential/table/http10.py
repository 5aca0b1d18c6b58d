"""HTTP/1.0 and connection persistence."""

from __future__ import annotations

from ..harness.case import Case, Eof, Expect, HalfClose, Probe, Send
from ._build import exchange, request

P = "protocol"
HTTP10 = "HTTP/1.0"


def old(
    id: str, target: str, *fields: tuple[str, str], host: str | None = "example.test", method: str = "GET"
) -> Case:
    """An HTTP/1.0 request."""
    return exchange(id, P, request(method, target, fields, version=HTTP10, host=host), method=method)


CASES = [
    old("http10-plain", "/plain"),
    old("http10-no-host", "/plain", host=None),
    old("http10-keep-alive", "/plain", ("Connection", "keep-alive")),
    old("http10-close", "/plain", ("Connection", "close")),
    old("http10-scope-version", "/method"),
    old("http10-head", "/plain", method="HEAD"),
    old("http10-no-length", "/no-length"),
    old("http10-stream", "/stream"),
    old("http10-stream-keep-alive", "/stream", ("Connection", "keep-alive")),
    old("http10-empty-no-length", "/empty"),
    old("http10-204", "/status?code=204"),
    old("http10-app-sets-chunked", "/headers?set=te-chunked"),
    old("http10-app-raises", "/raise-before"),
    old("http10-app-raises-in-stream", "/raise-after-part"),
    old("http10-404", "/nothing"),
    old("http10-expect-continue-ignored", "/plain", ("Expect", "100-continue")),
    exchange(
        "http10-post",
        P,
        request("POST", "/echo", [("Content-Length", "5")], b"hello", version=HTTP10),
        method="POST",
    ),
    exchange("http10-post-no-length", P, request("POST", "/echo", version=HTTP10), method="POST"),
    exchange("http10-scope", "echo", request(target="/a?b=c", version=HTTP10)),
    Case(
        "http10-pipelined-second-ignored",
        P,
        (Send(request(target="/plain", version=HTTP10) + request(target="/method")), Expect(), Probe()),
    ),
    Case("http09-simple-request", P, (Send(b"GET /plain\r\n"), HalfClose(), Eof())),
]
