"""The basic workloads, and some of them again with more connections, at fixed rates, on two workers."""

from __future__ import annotations

from benchmarks.compare.apps.shared.constants import MEGABYTE, TEXT
from benchmarks.compare.workload import (
    LONG_SLICE,
    LONGEST_SLICE,
    MOST_CONNECTIONS,
    Case,
    Workload,
    case,
    json_body,
)

VARIANTS = 32
PIPELINE = 16
EVENTS = 50
UPLOAD = 10 * 2**20
HEAVIER = (200, MOST_CONNECTIONS)
RATES = (1_000, 4_000, 8_000)


def _plaintext() -> list[Case]:
    return [case("GET", "/plaintext", exact=TEXT.encode())]


def _json() -> list[Case]:
    return [case("GET", "/json", right=[{"message": TEXT}])]


def _item() -> list[Case]:
    return [
        case("GET", f"/items/{number}?q=part%20{number}", right=[{"item_id": number, "q": f"part {number}"}])
        for number in range(1_000, 1_000 + VARIANTS)
    ]


def _orders() -> list[Case]:
    return [
        case(
            "POST",
            "/orders",
            json_body(
                {
                    "name": f"lamp {number}",
                    "price": 12.25 + number,
                    "quantity": 1 + number,
                    "tags": ["light", "desk", "brass"][: 1 + number % 3],
                }
            ),
            right=[
                {
                    "name": f"lamp {number}",
                    "total": (12.25 + number) * (1 + number),
                    "tags": 1 + number % 3,
                }
            ],
        )
        for number in range(VARIANTS)
    ]


def _nested() -> list[Case]:
    return [
        case(
            "GET",
            f"/nested?limit=20&offset={number}",
            headers=[f"X-User: user{number}"],
            right=[{"user": f"user{number}", "limit": 20, "offset": number}],
        )
        for number in range(VARIANTS)
    ]


def _sleep() -> list[Case]:
    return [case("GET", "/sleep", right=[{"slept": 10}])]


def _block() -> list[Case]:
    return [case("GET", "/block", right=[{"slept": 10}])]


def _download() -> list[Case]:
    return [case("GET", "/download", exact=MEGABYTE)]


def _upload() -> list[Case]:
    return [
        case(
            "POST",
            "/upload",
            b"0123456789abcdef" * (UPLOAD // 16),
            right=[{"received": UPLOAD}],
            content_type="application/octet-stream",
        )
    ]


def _events() -> list[Case]:
    return [case("GET", f"/events?limit={EVENTS}", check={"events": EVENTS})]


def _echo() -> list[Case]:
    return [
        {"request": f"message {number}", "check": {"exact": f"message {number}"}}
        for number in range(VARIANTS)
    ]


def _routes() -> list[Case]:
    return [
        case(
            "GET",
            f"/api/resource{number}/{number + 7}",
            right=[{"resource": number, "item_id": number + 7}],
        )
        for number in range(3, 200, 7)
    ]


def _stack() -> list[Case]:
    return [
        case(
            "GET",
            "/stack",
            right=[{"message": TEXT}],
            headers=[f"Origin: https://example{number % 2 or ''}.com"],
        )
        for number in range(2)
    ]


def workloads() -> list[Workload]:
    """In the order in which a contender carries them out."""

    def basic(name: str, title: str, cases: object, **more: object) -> Workload:
        return Workload(name, title, "basic", "basic", cases, **more)  # type: ignore[arg-type]

    json = basic("json", "JSON", _json, quick=True)
    orders = basic("orders", "JSON body, validated", _orders, quick=True)
    return [
        basic("plaintext", "plaintext", _plaintext, quick=True),
        basic("pipelined", "plaintext, 16 pipelined", _plaintext, options=(("pipeline", PIPELINE),)),
        json,
        basic("item", "path and query", _item, quick=True),
        orders,
        basic("nested", "nested dependencies", _nested, quick=True),
        basic("routes", "one of 200 routes", _routes),
        *(each.at(connections) for connections in HEAVIER for each in (json, orders)),
        *(json.at_rate(rate) for rate in RATES),
        basic("sleep", "10 ms `await`", _sleep, quick=True),
        basic("block", "10 ms blocking `def`", _block),
        basic("echo", "WebSocket echo", _echo, options=(("websocket", "/ws"),), unit="message"),
        basic("events", "SSE fan-out", _events, options=(("each", 2),), weight=EVENTS, unit="event"),
        basic("download", "1 MB download", _download, connections=8, slice_seconds=LONG_SLICE),
        basic("upload", "10 MB upload", _upload, connections=4, slice_seconds=LONGEST_SLICE),
        Workload("stack", "four middleware", "basic", "stack", _stack),
        *(orders.with_workers(workers) for workers in (1, 2)),
    ]
