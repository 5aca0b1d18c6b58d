"""Response headers as apps set them: kept, lower-cased, checked."""

from __future__ import annotations

from ..harness.case import Case, Head, Raw, Send
from ._build import get, request

P = "protocol"

VALID = (
    "none",
    "tuple",
    "generator",
    "lists",
    "dict-items",
    "upper-case",
    "duplicates",
    "set-cookie",
    "set-cookie-apart",
    "htab",
    "latin-1",
    "utf-8",
    "obs-text",
    "empty-value",
    "spaces",
    "name-tchar",
    "long",
    "many",
    "server",
    "date",
    "connection-close",
    "connection-close-upper",
    "connection-list",
    "connection-keep-alive",
    "te-chunked",
    "te-chunked-upper",
    "te-and-length",
    "length-and-te",
    "te-gzip-chunked",
    "trailer",
    "upgrade",
    "length-plus",
    "length-space",
    "length-zeros",
    "length-underscore",
    "proxy",
    "location",
)
INVALID = (
    "empty-name",
    "cr",
    "lf",
    "crlf",
    "nul",
    "del",
    "control",
    "name-space",
    "name-colon",
    "name-crlf",
    "name-latin-1",
    "name-slash",
    "name-quote",
    "name-question",
    "name-str",
    "value-str",
    "value-int",
    "value-bytearray",
    "value-memoryview",
    "name-bytearray",
    "dict",
    "headers-none",
    "triple",
    "length-negative",
    "length-conflict",
)
TRAP_11 = {"generator", "htab", "cr", "lf", "crlf", "nul", "name-crlf", "name-space", "name-colon"}
TRAP_30 = {"server", "date"}


def story(name: str) -> str:
    """The id of a header set."""
    trap = "trap11-" if name in TRAP_11 else "trap30-" if name in TRAP_30 else ""
    return f"{trap}response-headers-{name}"


CASES = [
    *(get(story(name), P, f"/headers?set={name}") for name in VALID),
    *(get(story(name), P, f"/headers?set={name}", logs=True) for name in INVALID),
    # Read as far as both lengths agree: a client may take this for a body that ends with the connection.
    Case(
        "response-headers-te-identity", P, (Send(request(target="/headers?set=te-identity")), Head(), Raw(2))
    ),
    get("response-headers-te-chunked-head", P, "/headers?set=te-chunked", method="HEAD"),
    get("response-headers-length-head", P, "/headers?set=upper-case", method="HEAD"),
    get("response-headers-connection-close-head", P, "/headers?set=connection-close", method="HEAD"),
    get("response-headers-te-chunked-204", P, "/headers?set=te-chunked&status=204&empty=1"),
    get("response-headers-length-304", P, "/headers?set=upper-case&status=304&empty=1", logs=True),
    get(
        "response-headers-connection-close-request-close",
        P,
        "/headers?set=connection-close",
        [("Connection", "close")],
    ),
    get(
        "response-headers-keep-alive-request-close",
        P,
        "/headers?set=connection-keep-alive",
        [("Connection", "close")],
    ),
]
