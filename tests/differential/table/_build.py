"""Shorthands that turn a description of a request into the steps of a case."""

from __future__ import annotations

from collections.abc import Iterable

from ..harness.case import Case, Eof, Expect, Probe, Send, Step, Sync

Fields = Iterable[tuple[str, str] | tuple[bytes, bytes] | bytes]


def request(
    method: str = "GET",
    target: str | bytes = "/",
    fields: Fields = (),
    body: bytes = b"",
    *,
    version: str = "HTTP/1.1",
    host: str | None = "example.test",
) -> bytes:
    """The bytes of a request. A field may be a pair or a whole raw line; nothing is added but Host."""
    target = target.encode() if isinstance(target, str) else target
    lines = [b"%s %s %s" % (method.encode(), target, version.encode())]
    if host is not None:
        lines.append(b"Host: " + host.encode())
    for item in fields:
        if isinstance(item, bytes):
            lines.append(item)
        else:
            name, value = (part.encode("utf-8") if isinstance(part, str) else part for part in item)
            lines.append(name + b": " + value)
    return b"\r\n".join([*lines, b"", body])


def with_body(
    method: str,
    target: str | bytes,
    body: bytes,
    content_type: str | None = "application/octet-stream",
    fields: Fields = (),
) -> bytes:
    """The bytes of a request with Content-Length and, unless None, Content-Type."""
    own: list[tuple[str, str] | tuple[bytes, bytes] | bytes] = list(fields)
    if content_type is not None:
        own.append(("Content-Type", content_type))
    own.append(("Content-Length", str(len(body))))
    return request(method, target, own, body)


def chunked(*parts: bytes, trailers: bytes = b"", extension: bytes = b"") -> bytes:
    """`parts` in chunked coding, with the last chunk (RFC 9112 section 7.1)."""
    coded = b"".join(b"%x%s\r\n%s\r\n" % (len(part), extension, part) for part in parts)
    return coded + b"0\r\n" + trailers + b"\r\n"


def exchange(
    id: str, app: str, data: bytes, *, method: str = "GET", logs: bool = False, end: Step | None = None
) -> Case:
    """One request in one write, one response, and whether the connection stays usable."""
    return Case(id, app, (Send(data), Expect(method.encode()), end or Probe()), logs=logs)


def get(
    id: str, app: str, target: str | bytes, fields: Fields = (), *, method: str = "GET", logs: bool = False
) -> Case:
    """A request without a body."""
    return exchange(id, app, request(method, target, fields), method=method, logs=logs)


def post(
    id: str,
    app: str,
    target: str | bytes,
    body: bytes,
    content_type: str | None = "application/octet-stream",
    fields: Fields = (),
    *,
    method: str = "POST",
    logs: bool = False,
) -> Case:
    """A request with a body of known length."""
    return exchange(id, app, with_body(method, target, body, content_type, fields), method=method, logs=logs)


def fragments(id: str, app: str, *parts: bytes, method: str = "GET") -> Case:
    """One request cut into pieces, each read by the server before the next one is sent."""
    steps: list[Step] = []
    for part in parts:
        steps += [Send(part), Sync()]
    return Case(id, app, (*steps[:-1], Expect(method.encode()), Probe()))


def refused(id: str, app: str, data: bytes) -> Case:
    """Bytes that a server answers with an error, or by closing."""
    return Case(id, app, (Send(data), Expect(), Eof()))
