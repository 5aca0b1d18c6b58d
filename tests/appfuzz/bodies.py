"""Request bodies: JSON and forms, as they should be and otherwise."""

from __future__ import annotations

import json

from .draw import Draw
from .kinds import HOSTILE_RAW, HOSTILE_TEXTS, HOSTILE_VALUES
from .messages import encode, field_value
from .parameters import FILE, FORM, Wire

CONTENT_TYPES = (
    b"application/json", b"application/json", b"application/json; charset=utf-8", b"APPLICATION/JSON",
    b"application/vnd.api+json", b"Application/Problem+JSON;x=y", b"text/json", b"text/plain",
    b"application/x-json", b"application/json , x", b"application/json, text/plain", b"",
    b"application/jsonx", b"application/", b"json", b"multipart/form-data",
    b"application/x-www-form-urlencoded", b"application/+json", b"*/*", b"application/json;",
    b'application/json; charset="utf-16"', b"application/octet-stream", b"\xe4pplication/json",
    b"application/ json",
)  # fmt: skip


def document(draw: Draw, wires: list[Wire]) -> object:
    """The JSON value that the body parameters of a route ask for."""
    distinct = {wire.name: wire for wire in wires}
    if len(distinct) == 1:
        (wire,) = distinct.values()
        if not wire.embed and wire.sample is not None:
            return wire.sample(draw)
    return {
        wire.name: wire.sample(draw)
        for wire in distinct.values()
        if wire.sample is not None and (wire.required or draw.chance(0.7))
    }


def mutated(draw: Draw, value: object, depth: int = 0) -> object:
    """`value` with one change somewhere."""
    if isinstance(value, dict) and value and draw.chance(0.85):
        key = draw.choice(list(value))
        change = draw.random()
        if change < 0.15:
            return {name: item for name, item in value.items() if name != key}
        if change < 0.25:
            return {
                **value,
                draw.pick("extra", "A", "", "é", "__class__", "self", "\ud800"): draw.choice(HOSTILE_VALUES),
            }
        if change < 0.32:
            return {(str(name).swapcase() if name == key else name): item for name, item in value.items()}
        return {name: mutated(draw, item, depth + 1) if name == key else item for name, item in value.items()}
    if isinstance(value, list) and value and draw.chance(0.7):
        place = draw.randrange(len(value))
        if draw.chance(0.2):
            return [*value[:place], draw.choice(HOSTILE_VALUES), *value[place:]]
        return [
            mutated(draw, item, depth + 1) if index == place else item for index, item in enumerate(value)
        ]
    change = draw.random()
    if change < 0.1:
        return [value]
    if change < 0.2:
        return {"value": value}
    if change < 0.3:
        return str(value)
    return draw.choice(HOSTILE_VALUES)


def json_text(draw: Draw, value: object) -> bytes:
    """`value` in one of the ways JSON is written."""
    separators = draw.pick(None, (",", ":"), (" , ", " : "))
    text = json.dumps(
        value, ensure_ascii=draw.chance(0.5), indent=draw.pick(None, None, None, 2), separators=separators
    )
    return text.encode("utf-8", "surrogatepass")


def damaged(draw: Draw, text: bytes) -> bytes:
    """A JSON text with something wrong or odd about the bytes."""
    depth = draw.pick(20, 100, 150, 250, 600, 5000)
    decoded = text.decode("utf-8", "replace")
    return draw.pick(
        text[: draw.randrange(len(text) + 1)],
        text[: draw.randrange(len(text) + 1)],
        b"\xef\xbb\xbf" + text,
        decoded.encode("utf-16"),
        decoded.encode("utf-16-le"),
        decoded.encode("utf-32"),
        text + draw.pick(b" ", b"\n", b"x", b",", b"\0", b"}", b"\r\n\t"),
        draw.pick(b" ", b"\n\n", b"\x0b", b"\xc2\xa0", b"\0", b",", b"/**/") + text,
        text.replace(b"{", b'{"a": 1, "name": "first", ', 1),
        text.replace(b'"', b"'"),
        text.replace(b":", b":NaN,", 1),
        text.replace(b"}", b",}"),
        text.replace(b"]", b",]"),
        text.replace(b"1", b"1" * 5000, 1),
        text.replace(b"1", b"01", 1),
        text.replace(b"1", b"1.", 1),
        text.replace(b"a", b"\\u0061"),
        text.replace(b"a", b"\\ud83d\\ude00", 1),
        text.replace(b"a", b"\\ud83d", 1),
        text.replace(b"a", b"\\x61", 1),
        text.replace(b"a", b"\xff", 1),
        text.replace(b"a", b"\xed\xa0\x80", 1),
        text.replace(b"a", b"\t", 1),
        text.replace(b"a", b"\0", 1),
        b"[" * depth + b"]" * depth,
        b'{"a":' * depth + b"1" + b"}" * depth,
        b"",
        b"null",
        draw.pick(
            b"NaN",
            b"Infinity",
            b"-Infinity",
            b"true",
            b"0",
            b'""',
            b"1e400",
            b"-0",
            b"-",
            b'"\\ud800"',
            b"[",
            b"{",
            b'{"a"',
            b"nul",
            b"9" * 5000,
        ),
    )


def form(draw: Draw, wires: list[Wire], *, hostile: bool) -> tuple[bytes, bytes | None]:
    """A form with a value for each wire, and its content type."""
    fields: list[tuple[str, str]] = []
    files: list[tuple[str, str, bytes]] = []
    for wire in wires:
        if (not wire.required and draw.chance(0.4)) or (hostile and draw.chance(0.1)):
            continue
        for _ in range(draw.randint(1, 3) if wire.many or (hostile and draw.chance(0.2)) else 1):
            if wire.place == FILE and not (hostile and draw.chance(0.2)):
                content = draw.pick(b"", b"text", b"\x00\xff" * 20, b"line\r\nline\r\n", b"--b", b"x" * 20000)
                files.append((wire.name, draw.pick("a.txt", "", "ü.bin", 'q".txt', "a b;c.txt"), content))
            else:
                texts = HOSTILE_TEXTS if hostile and draw.chance(0.5) else wire.texts or ("text",)
                fields.append((wire.name, draw.choice(texts)))
    if hostile and draw.chance(0.2):
        fields.append((draw.pick("extra", "", "a b", "é"), "1"))
    if files or draw.chance(0.35):
        return _multipart(draw, fields, files, hostile=hostile)
    return _urlencoded(draw, fields, hostile=hostile)


def _urlencoded(draw: Draw, fields: list[tuple[str, str]], *, hostile: bool) -> tuple[bytes, bytes | None]:
    pairs = [encode(draw, name) + b"=" + encode(draw, value) for name, value in fields]
    if hostile and draw.chance(0.3):
        pairs.append(
            draw.pick(
                b"q",
                b"q=",
                b"=",
                b"",
                b"q=%zz",
                b"q=\xff",
                b"q=1;z=2",
                b"q==",
                b"q=" + draw.choice(HOSTILE_RAW),
            )
        )
    body = draw.pick(b"&", b"&", b"&", b"&&" if hostile else b"&", b";" if hostile else b"&").join(pairs)
    kind: bytes | None = b"application/x-www-form-urlencoded"
    if hostile and draw.chance(0.3):
        kind = draw.pick(
            None,
            b"application/json",
            b"APPLICATION/X-WWW-FORM-URLENCODED",
            b"application/x-www-form-urlencoded; charset=latin-1",
            b"text/plain",
            b"",
        )
    return body, kind


def _multipart(
    draw: Draw, fields: list[tuple[str, str]], files: list[tuple[str, str, bytes]], *, hostile: bool
) -> tuple[bytes, bytes | None]:
    boundary = draw.pick(b"b", b"----WebKitFormBoundary7MA4YWxk", b"0123456789")
    parts = []
    for name, value in fields:
        extra = draw.pick(b"", b"", b"", b"\r\nContent-Type: text/plain; charset=latin-1") if hostile else b""
        parts.append(
            b'Content-Disposition: form-data; name="%s"%s\r\n\r\n%s'
            % (_quoted(name), extra, value.encode("utf-8", "replace"))
        )
    for name, filename, content in files:
        head = b'Content-Disposition: form-data; name="%s"; filename="%s"' % (
            _quoted(name),
            _quoted(filename),
        )
        kind = draw.pick(
            b"\r\nContent-Type: application/octet-stream",
            b"\r\nContent-Type: text/plain",
            b"",
            b"\r\nX-Part: 1\r\ncontent-type: image/png",
        )
        parts.append(head + kind + b"\r\n\r\n" + content)
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts) + b"--%s--\r\n" % boundary
    kind_of: bytes | None = b"multipart/form-data; boundary=" + boundary
    if hostile and draw.chance(0.4):
        body = draw.pick(
            body[: draw.randrange(len(body) + 1)],
            body.removesuffix(b"\r\n"),
            b"preamble\r\n" + body,
            body + b"epilogue",
            body.replace(b"\r\n", b"\n"),
            body.replace(b'name="', b"name=", 1),
            body.replace(b"form-data", b"attachment", 1),
            body.replace(b"Content-Disposition", b"X-Other", 1),
            b"",
        )
    if hostile and draw.chance(0.2):
        kind_of = draw.pick(
            None, b"multipart/form-data", b"multipart/form-data; boundary=other",
            b'multipart/form-data; boundary="%s"' % boundary,
            b"Multipart/Form-Data; charset=utf-8; boundary=" + boundary,
            b"multipart/mixed; boundary=" + boundary, b"multipart/form-data; boundary=",
        )  # fmt: skip
    return body, kind_of


def _quoted(text: str) -> bytes:
    return field_value(text.replace('"', "%22").encode("utf-8", "replace"))


def wants_form(wires: list[Wire]) -> bool:
    """Whether the wires of a route are those of a form."""
    return any(wire.place in (FORM, FILE) for wire in wires)
