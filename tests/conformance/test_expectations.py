"""A run fails on a surprise in either direction."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.expectations import Expectation, Expectations, Selection, compare, summary

ENTRY = Expectation(tests=("t/a.py::x",), outcome="failed", stock="passed", reason="no trio")
PATHS = ("t",)


def item(outcome: str) -> dict[str, Any]:
    return {"outcome": outcome, "uses": 1, "connections": 1, "message": "why"}


@pytest.mark.parametrize(
    ("outcomes", "stock", "items", "surprises"),
    [
        ({"t/a.py::x": "failed", "t/a.py::y": "passed"}, False, 2, []),
        ({"t/a.py::x": "passed", "t/a.py::y": "passed"}, True, 2, []),
        (
            {"t/a.py::x": "passed", "t/a.py::y": "passed"},
            False,
            2,
            ["t/a.py::x: passed, expected failed. why"],
        ),
        (
            {"t/a.py::x": "failed", "t/a.py::y": "failed"},
            False,
            2,
            ["t/a.py::y: failed, expected passed. why"],
        ),
        ({"t/a.py::x": "failed"}, False, 2, ["1 items, expected 2"]),
        ({"t/a.py::y": "passed"}, False, 1, ["t/a.py::x: named in expectations.toml, but not run"]),
        ({"t/a.py::y": "passed"}, False, None, []),
    ],
    ids=[
        "as expected",
        "stock client",
        "passes against expectation",
        "fails",
        "item missing",
        "named item missing",
        "selection",
    ],
)
def test_surprises(outcomes: dict[str, str], stock: bool, items: int | None, surprises: list[str]) -> None:
    run = {test: item(outcome) for test, outcome in outcomes.items()}
    result = compare(run, (ENTRY,), Selection(PATHS, items), stock=stock)
    assert result.surprises == surprises
    assert all(surprise in summary(result) for surprise in surprises)


def test_entries_outside_the_selection_are_not_missed() -> None:
    result = compare({"other.py::y": item("passed")}, (ENTRY,), Selection(("other.py",), 1), stock=False)
    assert result.surprises == []


def test_the_file_is_valid() -> None:
    expectations = Expectations.load()
    assert all(entry.reason and entry.tests for entry in expectations.entries)
    assert {entry.outcome for entry in expectations.entries} <= {"failed", "skipped", "xfailed"}
