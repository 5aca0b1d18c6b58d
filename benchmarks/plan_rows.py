"""The rows of the cost table of route plans: requests to `benchmarks.apps.plans` and their right answers."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from enum import Enum

from benchmarks.apps.middleware import LONG
from benchmarks.load import Request

APP = "benchmarks.apps.plans:app"
MANY = "benchmarks.apps.plans:many"
FRONTED = "benchmarks.apps.plans:fronted"
STOCK = "benchmarks.apps.middleware"
THRICE = "benchmarks.apps.plans:thrice"


class Aim(Enum):
    """What a row is held to."""

    NEAR_HYPER = "at most 1.25x bare hyper, at least 5x less than uvicorn"
    FIVE_TIMES = "at least 5x less than uvicorn"
    PYDANTIC = "at most 1.3x of bare hyper plus pydantic alone"
    NONE = "none: for information"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    key: str
    """What ``--rows`` selects by."""
    request: Request
    aim: Aim = Aim.FIVE_TIMES
    pydantic: str | None = None
    """The name of pydantic's part in `benchmarks.pydantic_alone`."""


def _compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


HELLO = b'{"message":"Hello, World!"}'
ITEM = b'{"name": "lamp", "price": 20, "tags": ["light", "desk"]}'
PRICED = b'{"name":"lamp","total":25.0}'
LIST = _compact([{"name": f"item {n}", "price": n + 0.5, "tags": ["light", "desk"]} for n in range(100)])
LINES = 795
ORDER = json.dumps(
    {
        "customer": "Ada Lovelace",
        "lines": [
            {
                "sku": f"SKU-{n:06}",
                "quantity": n % 9 + 1,
                "price": n * 1.25,
                "note": None if n % 2 else f"row {n:03}: handle with some care",
            }
            for n in range(LINES)
        ],
    }
).encode()
RECEIVED = _compact({"customer": "Ada Lovelace", "lines": LINES})


def _row(
    key: str,
    name: str,
    target: str,
    expected: bytes,
    *,
    method: str = "GET",
    body: bytes = b"",
    headers: tuple[str, ...] = (),
    content_type: str = "application/json",
    status: int = 200,
    app: str = APP,
    aim: Aim = Aim.FIVE_TIMES,
    pydantic: str | None = None,
) -> Row:
    request = Request(name, app, method, target, expected, body, headers, content_type, status)
    return Row(key, request, aim, pydantic)


_PAGE = _compact({"skip": 5, "limit": 10})
_BOUGHT = _compact({"item_id": 42, "q": "plan"})
_ME = _compact({"token": "secret", "trace": "t-1", "method": "GET"})
_FORM = "application/x-www-form-urlencoded"
_OPEN = _compact({"open": 1})
_ORIGIN = "Origin: https://example.org"
_GZIP = "Accept-Encoding: gzip, deflate"
_TLS = "X-Forwarded-Proto: https"
_LONG = _compact({"message": LONG})


def _gzipped(body: bytes) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    return compressor.compress(body) + compressor.flush()


ROWS = (
    _row("def", "`def`, no parameters", "/def", HELLO, aim=Aim.NEAR_HYPER),
    _row("async", "`async def`, no parameters", "/async", HELLO, aim=Aim.NEAR_HYPER),
    _row("def-query", "`def`, path int and query", "/def/items/42?q=plan", _BOUGHT, aim=Aim.NEAR_HYPER),
    _row(
        "async-query",
        "`async def`, path int and query",
        "/async/items/42?q=plan",
        _BOUGHT,
        aim=Aim.NEAR_HYPER,
    ),
    _row(
        "def-body", "`def`, JSON body model, response model", "/def/items", PRICED, method="POST", body=ITEM
    ),
    _row(
        "async-body",
        "`async def`, JSON body model, response model",
        "/async/items",
        PRICED,
        method="POST",
        body=ITEM,
    ),
    _row("def-nested", "`def`, two nested dependencies", "/def/nested?skip=5", _PAGE),
    _row("async-nested", "`async def`, two nested dependencies", "/async/nested?skip=5", _PAGE),
    _row("def-yield", "`def`, yield dependency", "/def/session", _OPEN),
    _row("async-yield", "`async def`, async yield dependency", "/async/session", _OPEN),
    _row("sleep", "`await asyncio.sleep(0)`", "/async/sleep", HELLO),
    _row("many", "500 routes, the last one", "/group9/route499", _compact({"route": 499}), app=MANY),
    _row("def-list", "`def`, list of 100 models", "/def/list", LIST, aim=Aim.PYDANTIC, pydantic="list"),
    _row(
        "async-list",
        "`async def`, list of 100 models",
        "/async/list",
        LIST,
        aim=Aim.PYDANTIC,
        pydantic="list",
    ),
    _row(
        "def-large",
        "`def`, 64 KB JSON body",
        "/def/orders",
        RECEIVED,
        method="POST",
        body=ORDER,
        aim=Aim.PYDANTIC,
        pydantic="large",
    ),
    _row(
        "async-large",
        "`async def`, 64 KB JSON body",
        "/async/orders",
        RECEIVED,
        method="POST",
        body=ORDER,
        aim=Aim.PYDANTIC,
        pydantic="large",
    ),
    _row("annotated", "`async def`, `-> dict[str, str]`", "/async/annotated", HELLO, aim=Aim.NONE),
    _row(
        "security",
        "OAuth2 bearer, `Request`, header",
        "/async/me",
        _ME,
        headers=("Authorization: Bearer secret", "X-Trace: t-1"),
        aim=Aim.NONE,
    ),
    _row(
        "middleware",
        "path int and query behind `@app.middleware`",
        "/async/items/42?q=plan",
        _BOUGHT,
        app=FRONTED,
        aim=Aim.NONE,
    ),
    _row(
        "middleware-three",
        "path int and query behind three of `@app.middleware`",
        "/async/items/42?q=plan",
        _BOUGHT,
        app=THRICE,
        aim=Aim.NONE,
    ),
    _row(
        "origin",
        "`async def` without middleware",
        "/async",
        HELLO,
        headers=(_ORIGIN,),
        app=f"{STOCK}:bare",
        aim=Aim.NONE,
    ),
    _row("cors", "CORS", "/async", HELLO, headers=(_ORIGIN,), app=f"{STOCK}:cors"),
    _row(
        "preflight",
        "CORS, a preflight",
        "/async",
        b"OK",
        method="OPTIONS",
        headers=(_ORIGIN, "Access-Control-Request-Method: PUT"),
        app=f"{STOCK}:cors",
        aim=Aim.NONE,
    ),
    _row("hosts", "trusted hosts", "/async", HELLO, app=f"{STOCK}:hosts"),
    _row("secure", "HTTPS redirect, behind TLS", "/async", HELLO, headers=(_TLS,), app=f"{STOCK}:secure"),
    _row(
        "gzip",
        "gzip, a body of 20 KB",
        "/async/long",
        _gzipped(_LONG),
        headers=(_GZIP,),
        app=f"{STOCK}:gzip",
        aim=Aim.NONE,
    ),
    _row(
        "stocked",
        "all four, a small body",
        "/async",
        HELLO,
        headers=(_ORIGIN, _GZIP, _TLS),
        app=f"{STOCK}:stocked",
    ),
    _row(
        "form",
        "two form fields",
        "/async/login",
        _compact({"username": "ada", "length": 8}),
        method="POST",
        body=b"username=ada&password=lovelace",
        content_type=_FORM,
        aim=Aim.NONE,
    ),
    _row(
        "missing",
        "`HTTPException(404)`",
        "/async/missing/7",
        _compact({"detail": "Item not found"}),
        status=404,
        aim=Aim.NONE,
    ),
)
