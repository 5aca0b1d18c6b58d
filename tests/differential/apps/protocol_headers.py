"""Response headers, valid and not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .protocol_common import Handler, Message, Receive, Send, body, start

Query = dict[str, str]
TWO = (b"content-length", b"2")

#: Each case is made anew per request, since some are generators.
SETS: dict[str, Callable[[], Any]] = {
    "none": list,
    "tuple": lambda: (TWO, (b"x-a", b"1")),
    "generator": lambda: (pair for pair in (TWO, (b"x-a", b"1"))),
    "lists": lambda: [list(TWO), [b"x-a", b"1"]],
    "dict-items": lambda: dict([TWO, (b"x-a", b"1")]).items(),
    "dict": lambda: {b"x-a": b"1"},
    "headers-none": lambda: None,
    "triple": lambda: [(b"x-a", b"1", b"2")],
    "upper-case": lambda: [(b"Content-Length", b"2"), (b"X-Mixed-Case", b"1")],
    "duplicates": lambda: [TWO, (b"x-a", b"1"), (b"x-b", b"2"), (b"x-a", b"3")],
    "set-cookie": lambda: [TWO, (b"set-cookie", b"a=1; Path=/"), (b"set-cookie", b"b=2; HttpOnly")],
    "set-cookie-apart": lambda: [(b"set-cookie", b"a=1"), TWO, (b"x-b", b"2"), (b"set-cookie", b"b=2")],
    "htab": lambda: [TWO, (b"x-a", b"one\ttwo")],
    "latin-1": lambda: [TWO, (b"x-a", "gr\u00fcn".encode("latin-1"))],
    "utf-8": lambda: [TWO, (b"x-a", "gr\u00fcn".encode())],
    "obs-text": lambda: [TWO, (b"x-a", bytes(range(0x80, 0x100)))],
    "empty-value": lambda: [TWO, (b"x-a", b"")],
    "spaces": lambda: [TWO, (b"x-a", b"  inner  space  ")],
    "empty-name": lambda: [TWO, (b"", b"1")],
    "cr": lambda: [TWO, (b"x-a", b"one\rtwo")],
    "lf": lambda: [TWO, (b"x-a", b"one\ntwo")],
    "crlf": lambda: [TWO, (b"x-a", b"one\r\nx-injected: 1")],
    "nul": lambda: [TWO, (b"x-a", b"one\0two")],
    "del": lambda: [TWO, (b"x-a", b"one\x7ftwo")],
    "control": lambda: [TWO, (b"x-a", b"one\x01two")],
    "name-space": lambda: [TWO, (b"x a", b"1")],
    "name-colon": lambda: [TWO, (b"x:a", b"1")],
    "name-crlf": lambda: [TWO, (b"x\r\na", b"1")],
    "name-latin-1": lambda: [TWO, (b"x-\xfc", b"1")],
    "name-slash": lambda: [TWO, (b"x/a", b"1")],
    "name-quote": lambda: [TWO, (b'x"a', b"1")],
    "name-question": lambda: [TWO, (b"x?a", b"1")],
    "name-tchar": lambda: [TWO, (b"!#$%&'*+-.^_`|~09az", b"1")],
    "name-str": lambda: [TWO, ("x-a", b"1")],
    "value-str": lambda: [TWO, (b"x-a", "1")],
    "value-int": lambda: [TWO, (b"x-a", 1)],
    "value-bytearray": lambda: [TWO, (b"x-a", bytearray(b"1"))],
    "value-memoryview": lambda: [TWO, (b"x-a", memoryview(b"1"))],
    "name-bytearray": lambda: [TWO, (bytearray(b"x-a"), b"1")],
    "long": lambda: [TWO, (b"x-a", b"v" * 20000)],
    "many": lambda: [TWO, *((b"x-%d" % number, b"v") for number in range(120))],
    "server": lambda: [TWO, (b"server", b"of the app")],
    "date": lambda: [TWO, (b"date", b"Thu, 01 Jan 1970 00:00:00 GMT")],
    "connection-close": lambda: [TWO, (b"connection", b"close")],
    "connection-close-upper": lambda: [TWO, (b"Connection", b"Close")],
    "connection-list": lambda: [TWO, (b"connection", b"x-foo, close")],
    "connection-keep-alive": lambda: [TWO, (b"connection", b"keep-alive")],
    "te-chunked": lambda: [(b"transfer-encoding", b"chunked")],
    "te-chunked-upper": lambda: [(b"Transfer-Encoding", b"Chunked")],
    "te-and-length": lambda: [(b"transfer-encoding", b"chunked"), TWO],
    "length-and-te": lambda: [TWO, (b"transfer-encoding", b"chunked")],
    "te-identity": lambda: [(b"transfer-encoding", b"identity"), TWO],
    "te-gzip-chunked": lambda: [(b"transfer-encoding", b"gzip, chunked")],
    "trailer": lambda: [(b"trailer", b"x-sum"), TWO],
    "upgrade": lambda: [TWO, (b"upgrade", b"h2c"), (b"connection", b"upgrade")],
    "length-plus": lambda: [(b"content-length", b"+2")],
    "length-space": lambda: [(b"content-length", b" 2 ")],
    "length-zeros": lambda: [(b"content-length", b"002")],
    "length-underscore": lambda: [(b"content-length", b"0_2")],
    "length-negative": lambda: [(b"content-length", b"-2")],
    "length-conflict": lambda: [(b"content-length", b"2"), (b"content-length", b"3")],
    "proxy": lambda: [TWO, (b"proxy-connection", b"close"), (b"keep-alive", b"timeout=9")],
    "location": lambda: [TWO, (b"location", "/\u00e9".encode())],
}


async def headers(scope: Message, receive: Receive, send: Send, query: Query) -> None:
    """A response with one of `SETS`; `status` and `empty` vary it."""
    await start(send, int(query.get("status", "200")), SETS[query["set"]]())
    await body(send, b"" if query.get("empty") else b"ok")


HANDLERS: dict[str, Handler] = {"/headers": headers}
