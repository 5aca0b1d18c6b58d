"""The microbenchmarks run, and what is made of their figures is right."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import json_encoding, plan_alone, request_parts
from benchmarks.instruction_deltas import grown, table
from benchmarks.micro_report import render
from benchmarks.timing import ROUNDS, Table, estimate, show


@pytest.mark.parametrize(
    "part",
    [
        json_encoding.encoding,
        json_encoding.building,
        request_parts.decoding,
        request_parts.models,
        request_parts.parameters,
        plan_alone.run,
    ],
    ids=lambda part: f"{part.__module__.rpartition('.')[2]}.{part.__name__}",
)
def test_every_python_part_gives_the_right_results(part: Any) -> None:
    """The parts compare their results themselves, and raise."""
    rows: Table = part(quick=True)
    assert rows
    for name, columns in rows.items():
        assert len(columns) > 1, f"{name} stands alone"
        assert all(0 < one.low <= one.median <= one.high for one in columns.values()), name
    assert show("part", rows).count("\n") > len(rows)


def test_an_interval_leaves_out_the_extremes_of_enough_samples() -> None:
    assert estimate([5, 1, 3]) == (3, 1, 5)
    assert estimate([*range(ROUNDS - 1), 1000]) == (7, 3, 11)


def test_counts_that_grew_are_found() -> None:
    before = {"same": 100.0, "little": 1000.0, "more": 100.0, "gone": 5.0}
    after = {"same": 100.0, "little": 1005.0, "more": 150.0, "less": 1.0}
    assert grown(before, after, 1) == ["more"]
    assert grown(before, after, 0.1) == ["little", "more"]
    assert [line.split()[0] for line in table(before, after).splitlines()] == [
        "case",
        *("same", "little", "more", "less", "gone"),
    ]
    assert [line.split()[-1] for line in table(before, after).splitlines()[3:]] == ["%", "new", "gone"]


def test_rivals_stand_beside_ours() -> None:
    def case(group: str, function: str, size: str | None, ns: float) -> dict[str, Any]:
        return {
            "group": group,
            "function": function,
            "size": size,
            "ns": {"median": ns, "low": ns, "high": ns},
        }

    cases = [
        case("router", "static", "10", 70),
        case("router", "static/matchit", "10", 20),
        case("json/decode", "hello/serde_json", None, 160),
        case("transport/request", "turbo-http", None, 12_000),
        case("transport/request", "hyper", None, 11_000),
    ]
    page = render(
        {
            "machine": dict.fromkeys(
                ("cpu", "cores", "kernel", "python", "pydantic", "commit", "date"), "known"
            ),
            "versions": {"orjson": "known"},
            "profile": "bench",
            "seconds": 1,
            "criterion": {str(number): one for number, one in enumerate(cases)},
            "python": {"A part": {"a|b": {"ours": {"median": 1.0, "low": 1.0, "high": 2.0}}}},
        }
    )
    for line in (
        "| case | ours | matchit |",
        "| static/10 | 70.0 (70.0-70.0) | 20.0 (20.0-20.0) |",
        "| decode/hello | 160 (160-160) |",
        "| request | 12,000 (12,000-12,000) | 11,000 (11,000-11,000) |",
        "| a\\|b | 1.0 (1.0-2.0) |",
    ):
        assert line in page
