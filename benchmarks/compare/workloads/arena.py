"""HttpArena's HTTP/1 profiles: the routes, inputs and mixes that its pages describe, with fewer connections.

Two things differ. Its compressed profile also allows Brotli, which FastAPI's stock middleware does not have:
the requests here accept gzip. Its static profile may be answered with compressed files from disk: the
requests here accept none, so that all serve the same bytes.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.compare.apps.shared.catalogue import CATEGORIES, TABLE, dataset, item
from benchmarks.compare.workload import LONG_SLICE, LONGEST_SLICE, Case, Workload, case, json_body

PAIRS = ((1, 3), (5, 7), (10, 2), (15, 5), (25, 4), (40, 8), (50, 6))
COMPRESSED_PAIRS = ((25, 4), (40, 8), (50, 6))
UPLOADS = (500 * 2**10, 2 * 2**20, 10 * 2**20, 20 * 2**20)
LIMITS = (5, 10, 20, 35, 50)
MIX = 20
"""Requests of the CRUD mix: 15 reads, 3 updates, a list, a create."""
READABLE = 50_000
STATIC = {
    **{f"{name}.css": size for name, size in zip("abcde", (8, 20, 45, 90, 200), strict=True)},
    **{f"{name}.js": size for name, size in zip("abcde", (12, 25, 60, 120, 300), strict=True)},
    "header.html": 55,
    "footer.html": 120,
    "regular.woff2": 18,
    "bold.woff2": 22,
    "logo.svg": 15,
    "icons.svg": 70,
    "hero.webp": 45,
    "one.webp": 6,
    "two.webp": 8,
    "manifest.json": 3,
}
"""Sizes of the twenty files in KiB."""


def _baseline() -> list[Case]:
    found = []
    for number in range(30):
        a, b, c = 13 + number, 42 + 3 * number, 20 + 7 * number
        target, body = f"/baseline11?a={a}&b={b}", str(c).encode()
        if number % 3 == 0:
            found.append(case("GET", target, exact=str(a + b).encode()))
        elif number % 3 == 1:
            found.append(case("POST", target, body, exact=str(a + b + c).encode(), content_type="text/plain"))
        else:
            chunked = case(
                "POST",
                target,
                exact=str(a + b + c).encode(),
                headers=["Content-Type: text/plain", "Transfer-Encoding: chunked"],
            )
            chunked["request"] += f"{len(body):x}\r\n{body.decode()}\r\n0\r\n\r\n"
            found.append(chunked)
    return found


def _processed(count: int, m: int) -> dict[str, Any]:
    items = [{**each, "total": each["price"] * each["quantity"] * m} for each in dataset()[:count]]
    return {"items": items, "count": count}


def _json() -> list[Case]:
    return [case("GET", f"/json/{count}?m={m}", right=[_processed(count, m)]) for count, m in PAIRS]


def _compressed() -> list[Case]:
    return [
        case(
            "GET",
            f"/json/{count}?m={m}",
            right=[_processed(count, m)],
            gzip=True,
            headers=["Accept-Encoding: gzip"],
        )
        for count, m in COMPRESSED_PAIRS
    ]


def _upload() -> list[Case]:
    return [
        case(
            "POST",
            "/upload",
            b"0123456789abcdef" * (size // 16),
            exact=str(size).encode(),
            content_type="application/octet-stream",
        )
        for size in UPLOADS
    ]


def _file(name: str, size: int) -> bytes:
    line = f"{name}: a line of a file that is served as it is.\n".encode()
    return (line * (size * 1024 // len(line) + 1))[: size * 1024]


def write_static(directory: Path) -> None:
    """The files of the static profile."""
    for name, size in STATIC.items():
        (directory / name).write_bytes(_file(name, size))


def _static() -> list[Case]:
    return [case("GET", f"/static/{name}", exact=_file(name, size)) for name, size in STATIC.items()]


def _between(low: int, high: int, limit: int) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    number = 0
    while len(found) < limit and number < TABLE:
        number += 1
        if low <= item(number)["price"] <= high:
            found.append(item(number))
    return {"items": found, "count": len(found)}


def _async_db() -> list[Case]:
    return [
        case(
            "GET",
            f"/async-db?min={low}&max={low + 40}&limit={limit}",
            right=[_between(low, low + 40, limit)],
        )
        for limit in LIMITS
        for low in (10, 90, 200)
    ]


def _crud() -> list[Case]:
    draw = random.Random(5)
    # Neither on the pages that are listed nor created.
    updated = draw.sample(range(1_000, READABLE), 30)
    read = draw.sample(range(1, READABLE), 150)
    found = []
    for number in range(200):
        place = number % MIX
        if place == 0:
            page = 1 + number // MIX
            found.append(case("GET", f"/crud/items?category=office&page={page}", right=[_page(page)]))
        elif place == 1:
            new = {
                "id": TABLE + 1 + number,
                "name": f"New {number}",
                "category": "test",
                "price": 25,
                "quantity": 10,
            }
            found.append(case("POST", "/crud/items", json_body(new), right=[new], status=201))
        elif place in (2, 3, 4):
            which = updated[(number // MIX) * 3 + place - 2]
            found.append(
                case(
                    "PUT",
                    f"/crud/items/{which}",
                    json_body(_change(which)),
                    right=[{"id": which, **_change(which)}],
                )
            )
        else:
            # One read in fifteen is of an item that is updated meanwhile.
            which = updated[number % len(updated)] if place == 5 else read[number % len(read)]
            changed = {**item(which), **_change(which)}
            right = [item(which), changed] if which in updated else [item(which)]
            found.append(case("GET", f"/crud/items/{which}", right=right))
    return found


def _change(number: int) -> dict[str, Any]:
    return {"name": f"Updated {number}", "price": 30, "quantity": 5}


def _page(page: int, limit: int = 10) -> dict[str, Any]:
    first = CATEGORIES.index("office")
    numbers = [n for n in range(1, 1_000) if n % len(CATEGORIES) == first][(page - 1) * limit :][:limit]
    return {"items": [item(number) for number in numbers], "total": limit, "page": page, "limit": limit}


def _echo() -> list[Case]:
    return [{"request": f"hello {number}", "check": {"exact": f"hello {number}"}} for number in range(16)]


def workloads() -> list[Workload]:
    """CRUD last: the other profiles know which items there are."""

    def profile(name: str, cases: Callable[[], list[Case]], **more: Any) -> Workload:
        return Workload(f"arena-{name}", name, "arena", "arena", cases, **more)

    return [
        profile("baseline", _baseline),
        profile("pipelined", lambda: [case("GET", "/pipeline", exact=b"ok")], options=(("pipeline", 16),)),
        profile("limited-conn", _baseline, options=(("reconnect_after", 10),)),
        profile("json", _json),
        profile("json-comp", _compressed),
        profile("upload", _upload, connections=4, slice_seconds=LONGEST_SLICE),
        profile("static", _static, slice_seconds=LONG_SLICE),
        profile("echo-ws", _echo, options=(("websocket", "/ws"),), unit="message"),
        profile("async-db", _async_db, shares_core=True),
        profile("crud", _crud, shares_core=True, options=(("reconnect_after", 200),)),
    ]
