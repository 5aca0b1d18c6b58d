"""A request in pieces that mutations can change, and its bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

from .draw import Draw

#: Bytes that a request target may not hold as they are; the differential table covers those.
_NOT_IN_TARGET = set(b' "<>^`#\x7f') | set(range(0x20))


def encode(draw: Draw, text: str, *, plus: bool = True) -> bytes:
    """A text as part of a target, in one of the ways clients do it."""
    style = draw.random()
    if style < 0.5:
        return quote(text, safe="").encode()
    if style < 0.7 and plus:
        return quote_plus(text).encode()
    if style < 0.8:
        return "".join(f"%{byte:02x}" for byte in text.encode()).encode()
    if style < 0.85 and all(ord(character) < 256 for character in text):
        return literal(text.encode("latin-1"))
    return quote(text, safe="!$'()*,:@/~-._[]|{}").encode()


def literal(data: bytes) -> bytes:
    """The same with what cannot be in a target percent-encoded."""
    return b"".join(b"%%%02X" % byte if byte in _NOT_IN_TARGET else bytes([byte]) for byte in data)


def field_value(text: str | bytes) -> bytes:
    """A text as the value of a header field: no control characters, no blanks at its ends."""
    data = text if isinstance(text, bytes) else _latin(text)
    return bytes(byte for byte in data if byte >= 0x20 and byte != 0x7F).strip(b" \t")


def _latin(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


@dataclass
class Message:
    """One request. Names and values are as on the wire."""

    method: str
    path: bytes
    query: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    #: Replaces what is made of `query`.
    raw_query: bytes | None = None
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    cookies: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    #: Replaces what is made of `cookies`.
    raw_cookies: list[bytes] | None = None
    body: bytes | None = None
    content_type: bytes | None = None
    chunked: bool = False
    host: bytes = b"example.test"
    #: Whether the target is in absolute form (RFC 9112 section 3.2.2).
    absolute: bool = False

    def target(self) -> bytes:
        """Path and query."""
        if self.raw_query is not None:
            return self.path + b"?" + self.raw_query
        if not self.query:
            return self.path
        pairs = (name if value is None else name + b"=" + value for name, value in self.query)
        return self.path + b"?" + b"&".join(pairs)

    def encode(self, identity: int) -> bytes:
        """The request; `identity` is what the journal calls it."""
        origin = b"http://" + self.host if self.absolute else b""
        lines = [
            self.method.encode() + b" " + origin + self.target() + b" HTTP/1.1",
            b"Host: " + self.host,
            b"X-Id: %d" % identity,
        ]
        lines += [name.encode("latin-1") + b": " + value for name, value in self.headers]
        cookies = self.raw_cookies
        if cookies is None and self.cookies:
            cookies = [
                b"; ".join(name if value is None else name + b"=" + value for name, value in self.cookies)
            ]
        lines += [b"Cookie: " + value for value in cookies or ()]
        if self.content_type is not None:
            lines.append(b"Content-Type: " + self.content_type)
        body = self.body or b""
        if self.chunked:
            lines.append(b"Transfer-Encoding: chunked")
            half = len(body) // 2
            pieces = [piece for piece in (body[:half], body[half:]) if piece]
            body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        elif self.body is not None or self.method in ("POST", "PUT", "PATCH"):
            lines.append(b"Content-Length: %d" % len(body))
        return b"\r\n".join(lines) + b"\r\n\r\n" + body
