"""The six TechEmpower tests, and the reading ones again over two more drivers."""

from __future__ import annotations

import html
from collections.abc import Callable

from benchmarks.compare.apps.shared.constants import TEXT
from benchmarks.compare.database import FORTUNES
from benchmarks.compare.workload import LONG_SLICE, Case, Workload, case

ROWS = 20
"""Rows of the tests of several queries and of updates; TechEmpower asks for 1 to 20 and ranks by 20."""
EXTRA = "Additional fortune added at request time."


def fortunes_page() -> bytes:
    """The page of fortunes, written without the template that the applications use."""
    rows = sorted([(0, EXTRA), *enumerate(FORTUNES, 1)], key=lambda row: row[1])
    cells = "".join(f"<tr><td>{number}</td><td>{_escape(message)}</td></tr>" for number, message in rows)
    return (
        "<!DOCTYPE html><html><head><title>Fortunes</title></head><body><table>"
        f"<tr><th>id</th><th>message</th></tr>{cells}</table></body></html>"
    ).encode()


def _escape(text: str) -> str:
    # Jinja's spelling of quotation marks.
    return html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")


def _db(prefix: str) -> Callable[[], list[Case]]:
    return lambda: [case("GET", f"{prefix}/db", check={"worlds": {"fresh": True}})]


def _queries(prefix: str) -> Callable[[], list[Case]]:
    return lambda: [
        case("GET", f"{prefix}/queries?queries={ROWS}", check={"worlds": {"count": ROWS, "fresh": True}})
    ]


def _fortunes(prefix: str) -> Callable[[], list[Case]]:
    return lambda: [case("GET", f"{prefix}/fortunes", exact=fortunes_page())]


def _updates() -> list[Case]:
    return [case("GET", f"/updates?queries={ROWS}", check={"worlds": {"count": ROWS, "fresh": False}})]


def workloads() -> list[Workload]:
    """Updates last: the other tests know which number each row has."""

    def test(name: str, title: str, cases: object, **more: object) -> Workload:
        return Workload(name, title, "techempower", "techempower", cases, **more)  # type: ignore[arg-type]

    def driven(name: str, title: str, cases: object) -> Workload:
        return Workload(
            name,
            title,
            "drivers",
            "techempower",
            cases,  # type: ignore[arg-type]
            shares_core=True,
            slice_seconds=LONG_SLICE,
        )

    return [
        test("tfb-json", "json", lambda: [case("GET", "/json", right=[{"message": TEXT}])]),
        test(
            "tfb-plaintext",
            "plaintext",
            lambda: [case("GET", "/plaintext", exact=TEXT.encode())],
            options=(("pipeline", 16),),
        ),
        test("db", "db", _db(""), shares_core=True, quick=True),
        test("queries", f"queries ({ROWS})", _queries(""), shares_core=True, slice_seconds=LONG_SLICE),
        test("fortunes", "fortunes", _fortunes(""), shares_core=True, quick=True),
        *(
            each
            for driver, title in (("psycopg", "psycopg, `def`"), ("sqlalchemy", "SQLAlchemy, `async`"))
            for each in (
                driven(f"db-{driver}", f"db, {title}", _db(f"/{driver}")),
                driven(f"queries-{driver}", f"queries ({ROWS}), {title}", _queries(f"/{driver}")),
                driven(f"fortunes-{driver}", f"fortunes, {title}", _fortunes(f"/{driver}")),
            )
        ),
        test(
            "updates", f"updates ({ROWS})", _updates, shares_core=True, slice_seconds=LONG_SLICE, quick=True
        ),
    ]
