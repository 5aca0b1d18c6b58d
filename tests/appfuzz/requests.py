"""Requests for a generated app: valid ones and mutated ones."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from .apps import App
from .bodies import CONTENT_TYPES, damaged, document, form, json_text, mutated, wants_form
from .draw import Draw
from .kinds import HOSTILE_RAW, HOSTILE_TEXTS
from .messages import Message, encode, field_value, literal
from .parameters import BODY, COOKIE, FILE, FORM, PATH, QUERY, Wire
from .routes import Route

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND")
_CHANGES = (
    b"override", b"override", b"restore", b"restore", b"add", b"append", b"remove", b"reverse", b"rebuild",
    b"slashes", b"handler", b"state", b"override-in-place", b"status", b"call",
)  # fmt: skip
_STANDARD: dict[str, str] = {
    "int": "7",
    "float": "1.5",
    "uuid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "path": "x/y",
}


@dataclass(frozen=True)
class Request:
    """What is sent."""

    route: str
    method: bytes
    data: bytes
    #: Times that it is sent in a row.
    repeat: int = 1
    #: Bytes that are sent first, apart from the rest; 0 for all.
    cut: int = 0


def request(draw: Draw, app: App, identity: int) -> Request:
    """A request for some route of `app`, or for none."""
    if app.changes and draw.chance(0.02):
        message = Message("POST", b"/change", raw_query=b"kind=" + draw.choice(_CHANGES))
        return Request("-", b"POST", message.encode(identity))
    if draw.chance(0.02):
        message = Message(
            draw.pick("GET", "GET", "POST", "OPTIONS"),
            draw.pick(
                b"/", b"/nowhere", b"/docs", b"/openapi.json", b"/sub/deep/1", b"/sub/deep/x", b"/sub", b"*"
            ),
        )
        if message.path == b"*":
            message.method = "OPTIONS"
        return Request("-", message.method.encode(), message.encode(identity))
    route = draw.choice(app.routes)
    return for_route(draw, route, identity)


def for_route(draw: Draw, route: Route, identity: int, *, valid: bool = False) -> Request:
    """A request for `route`."""
    hostile = not valid and draw.chance(0.5)
    message = _message(draw, route, hostile=hostile)
    if hostile:
        for _ in range(draw.pick(1, 1, 1, 2, 3)):
            _mutate(draw, route, message)
    elif draw.chance(0.03):
        message.chunked = message.body is not None
    repeat = draw.randint(5, 20) if not valid and draw.chance(0.02) else 1
    if draw.chance(0.02) and message.path.startswith(b"/"):
        message.absolute = True
    elif draw.chance(0.03):
        message.host = draw.pick(
            b"example.test:8080", b"EXAMPLE.test", b"[::1]:80", b"sub.good.test", b"a_b", b"127.0.0.1"
        )
    data = message.encode(identity)
    cut = draw.randrange(1, len(data)) if repeat == 1 and draw.chance(0.03) else 0
    return Request(route.name, message.method.encode(), data, repeat, cut)


def _message(draw: Draw, route: Route, *, hostile: bool) -> Message:
    message = Message(draw.choice(route.methods), path(draw, route))
    for wire in route.wires:
        if not wire.required and draw.chance(0.45):
            continue
        if (wire.name == "x-mode" and draw.chance(0.6)) or not wire.texts:
            continue
        for _ in range(draw.randint(1, 3) if wire.many else 1):
            _put(draw, message, wire, draw.choice(wire.texts))
    draw.shuffle(message.query)
    for name, value in _CONTEXT:
        if draw.chance(0.04):
            message.headers.append((name, value))
    forms = [wire for wire in route.wires if wire.place in (FORM, FILE)]
    bodies = [wire for wire in route.wires if wire.place == BODY]
    if wants_form(forms):
        message.body, message.content_type = form(draw, forms, hostile=hostile)
    elif bodies:
        content = document(draw, bodies)
        if isinstance(content, list) and draw.chance(0.03):
            content = content * 1500
        message.body, message.content_type = json_text(draw, content), b"application/json"
    elif draw.chance(0.05):
        message.body, message.content_type = b'{"not": "asked for"}', b"application/json"
    return message


_CONTEXT = (
    ("Origin", b"https://good.test"), ("Origin", b"https://bad.test"), ("Accept-Encoding", b"gzip"),
    ("Accept-Encoding", b"gzip;q=0, br"), ("Accept", b"*/*"), ("If-None-Match", b"*"),
    ("Range", b"bytes=0-9"), ("Access-Control-Request-Method", b"GET"),
    ("Access-Control-Request-Headers", b"x-mode, x-other"), ("X-Forwarded-Proto", b"https"),
    ("X-Forwarded-For", b"10.9.8.7"), ("x-mode", b"short"), ("User-Agent", b"appfuzz \xe9"),
    ("Connection", b"keep-alive"),
)  # fmt: skip


def _put(draw: Draw, message: Message, wire: Wire, text: str) -> None:
    match wire.place:
        case "query":
            message.query.append((encode(draw, wire.name), encode(draw, text)))
        case "header" if wire.name.isascii():
            name = wire.name.title() if draw.chance(0.3) else wire.name
            message.headers.append((name, field_value(text)))
        case "cookie":
            message.cookies.append(
                (wire.name.encode(), field_value(text).replace(b";", b"").replace(b",", b""))
            )


def path(draw: Draw, route: Route) -> bytes:
    """The path of a route with its placeholders filled."""
    texts = {wire.name: wire.texts for wire in route.wires if wire.place == PATH}

    def fill(match: re.Match[str]) -> str:
        name, _, convertor = match[1].partition(":")
        text = draw.choice(texts[name]) if texts.get(name) else _STANDARD.get(convertor, "abc")
        if convertor in _STANDARD and draw.chance(0.5):
            text = _STANDARD[convertor]
        return encode(draw, text, plus=False).decode("latin-1")

    # Placeholders first: what stands between them is encoded as a browser would.
    pieces = re.split(r"(\{[^}]*\})", route.template)
    filled = (
        re.sub(r"\{([^}]*)\}", fill, piece) if piece.startswith("{") else encode_static(draw, piece)
        for piece in pieces
    )
    return b"".join(piece if isinstance(piece, bytes) else piece.encode("latin-1") for piece in filled)


def encode_static(draw: Draw, text: str) -> bytes:
    """The fixed part of a path."""
    if draw.chance(0.03):
        return b"".join(b"%%%02x" % byte if byte != 47 else b"/" for byte in text.encode())
    return (
        literal(text.encode())
        if draw.chance(0.05)
        else literal(text.encode()).replace(b"\xc3\xb6", b"%C3%B6").replace(b"\xc3\x9f", b"%c3%9f")
    )


def _mutate(draw: Draw, route: Route, message: Message) -> None:
    if route.wires and draw.chance(0.75):
        wire = draw.choice(route.wires)
        match wire.place:
            case "path":
                return _mutate_path(draw, route, message)
            case "query":
                return _mutate_query(draw, message, wire)
            case "header":
                return _mutate_headers(draw, message, wire)
            case "cookie":
                return _mutate_cookies(draw, message, wire)
            case _:
                return _mutate_body(draw, message)
    change = draw.random()
    if change < 0.25:
        message.method = draw.choice(_METHODS)
    elif change < 0.6:
        _mutate_path(draw, route, message)
    elif change < 0.75:
        _mutate_query(draw, message, Wire(QUERY, "q", ("1",)))
    elif change < 0.85:
        _mutate_body(draw, message)
    elif change < 0.95:
        _mutate_cookies(draw, message, Wire(COOKIE, "q", ("1",)))
    else:
        message.chunked = True
    return None


def hostile(draw: Draw, wire: Wire) -> bytes:
    """A value that may be wrong, as it is put into a target."""
    if draw.chance(0.3):
        return draw.choice(HOSTILE_RAW)
    text = draw.choice(HOSTILE_TEXTS)
    if wire.texts and draw.chance(0.2):
        text = draw.choice(wire.texts)
        text = draw.pick(
            text + " ",
            " " + text,
            text.upper(),
            text * 2,
            text[:-1],
            "+" + text,
            "0" + text,
            text + "\n",
            text + ".0",
            text + "\0",
        )
    return encode(draw, text)


def _mutate_path(draw: Draw, route: Route, message: Message) -> None:
    segments = message.path.split(b"/")
    place = draw.randrange(1, len(segments)) if len(segments) > 1 else 0
    change = draw.random()
    if change < 0.55:
        placed = [
            index
            for index, part in enumerate(route.template.split("/"))
            if "{" in part and index < len(segments)
        ]
        segments[draw.choice(placed) if placed else place] = hostile(draw, Wire(PATH, "", ()))
        message.path = b"/".join(segments)
    elif change < 0.7:
        message.path = message.path.rstrip(b"/") if message.path.endswith(b"/") else message.path + b"/"
    elif change < 0.8:
        segments.insert(place, draw.pick(b"", b"..", b".", b"x", b"%2F"))
        message.path = b"/".join(segments)
    elif change < 0.9:
        message.path += draw.pick(
            b"%0A", b"%0a", b"%00", b"//", b"%2F", b"?", b"%20", b"%0Aa", b";a=b", b"%3F"
        )
    else:
        del segments[place]
        message.path = b"/".join(segments) if len(segments) > 1 else b"/"
    if message.path.startswith(b"//") or not message.path.startswith(b"/"):
        # A target like //host/path has a meaning of its own, which the differential table covers.
        message.path = b"/" + message.path.lstrip(b"/")


def _mutate_query(draw: Draw, message: Message, wire: Wire) -> None:
    name = encode(draw, wire.name)
    change = draw.random()
    others = [pair for pair in message.query if pair[0] != name]
    if change < 0.15:
        message.query = others
    elif change < 0.55:
        message.query = [*others, (name, hostile(draw, wire))]
    elif change < 0.7:
        message.query.append((name, hostile(draw, wire)))
    elif change < 0.75:
        message.query.append((name, None))
    elif change < 0.8:
        message.query.append(
            (draw.pick(b"extra", b"", b"Q", b"a%20b", name.upper(), b"%71"), draw.pick(b"1", None, b""))
        )
    elif change < 0.85:
        message.query = [(b"".join(b"%%%02x" % byte for byte in key), value) for key, value in message.query]
    else:
        query = message.target().partition(b"?")[2]
        message.raw_query = draw.pick(
            b"", query + b"&", b"&" + query, query.replace(b"&", b"&&"), query.replace(b"&", b";"),
            query + b"?x=1", query + b"=", query.replace(b"=", b"=="), query.replace(b"=", b"%3D"),
            query.replace(b"&", b"%26"), query + b"&" + query, name + b"=" + b"&".join([b"1"] * 50),
            b"=" + query, query + b"&=", b"?" + query,
        )  # fmt: skip


def _mutate_headers(draw: Draw, message: Message, wire: Wire) -> None:
    if not wire.name.isascii():
        return
    change = draw.random()
    text = (
        field_value(draw.choice(HOSTILE_TEXTS))
        if draw.chance(0.7)
        else draw.pick(b"\xff", b"gr\xfcn", b"gr\xc3\xbcn", b"a, b", b'"q"', b"a;b=c", b"")
    )
    others = [pair for pair in message.headers if pair[0].lower() != wire.name.lower()]
    if change < 0.2:
        message.headers = others
    elif change < 0.6:
        message.headers = [*others, (wire.name, text)]
    elif change < 0.85:
        message.headers.append((draw.pick(wire.name, wire.name.upper(), wire.name.lower()), text))
    elif change < 0.95:
        message.headers.append((wire.name.replace("-", "_"), text))
    else:
        message.headers.insert(0, (wire.name, text))


def _mutate_cookies(draw: Draw, message: Message, wire: Wire) -> None:
    name = wire.name.encode()
    text = field_value(draw.choice(HOSTILE_TEXTS))
    change = draw.random()
    if change < 0.15:
        message.cookies = [pair for pair in message.cookies if pair[0] != name]
    elif change < 0.5:
        message.cookies.append((name, text))
    else:
        cookies = draw.choice(_COOKIES).replace(b"<n>", name).replace(b"<N>", name.upper())
        message.raw_cookies = [field_value(value) for value in cookies.split(b"|")]


#: Cookie headers, apart by `|`, of a cookie `<n>`.
_COOKIES = (
    b'<n>="quoted"', b'<n>="a\\073\\"b"', b"<n>", b"=<n>", b";;<n>=1;;", b"<n>=1,<n>=2", b"<n> = 5 ",
    b"<n>=1|<n>=2", b"<n>=1; <n>=2", b"<n>==1", b"", b"<n>=%41", b"<n>=\xfc", b'<n>="unterminated',
    b"a=b;<n>=7", b"$Version=1; <n>=7; $Path=/", b"<N>=7", b"<n>=7 ; path=/", b"a b=c; <n>=7",
)  # fmt: skip


def _mutate_body(draw: Draw, message: Message) -> None:
    change = draw.random()
    if message.body is None:
        message.body = draw.pick(b"", b"{}", b"null", b"a=1", b"[]")
        message.content_type = draw.choice(CONTENT_TYPES)
    elif change < 0.2:
        message.content_type = draw.choice(CONTENT_TYPES)
    elif change < 0.23:
        message.content_type = None
    elif change < 0.27:
        message.headers.append(("Content-Type", draw.choice(CONTENT_TYPES)))
    elif change < 0.32:
        message.body = None
    elif change < 0.5:
        message.body = damaged(draw, message.body)
    else:
        try:
            value = json.loads(message.body)
        except (ValueError, RecursionError):
            message.body = damaged(draw, message.body)
        else:
            message.body = json_text(draw, mutated(draw, value))
