"""Medians, spreads, the length of measurements and the meaning of what the load generator says."""

from __future__ import annotations

import pytest

from benchmarks.compare.measure import to_sample
from benchmarks.compare.results import Figure, figure
from benchmarks.compare.schedule import LONGEST, SHORTEST, seconds_for


@pytest.mark.parametrize(
    ("values", "median", "spread"),
    [
        ([10.0], 10.0, 0.0),
        ([9.0, 10.0, 12.0], 10.0, 0.15),
        ([12.0, 9.0, 10.0], 10.0, 0.15),
        ([8.0, 12.0], 10.0, 0.2),
        ([0.0, 0.0], 0.0, 0.0),
    ],
)
def test_a_figure_is_the_median_with_half_the_range(
    values: list[float], median: float, spread: float
) -> None:
    assert figure(values) == Figure(median, pytest.approx(spread))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("low", "high", "clearly"),
    [
        (Figure(10, 0.0), Figure(11, 0.0), True),
        (Figure(10, 0.06), Figure(11, 0.0), True),
        (Figure(10, 0.06), Figure(11, 0.06), False),
        (Figure(11, 0.0), Figure(10, 0.0), False),
    ],
)
def test_a_difference_counts_when_the_spreads_do_not_meet(low: Figure, high: Figure, clearly: bool) -> None:
    assert low.clearly_below(high) is clearly


def test_measurements_fill_the_time_there_is() -> None:
    seconds = seconds_for(1_500, rounds=3, measurements=400, processes=40)
    assert SHORTEST < seconds < 1
    assert seconds_for(3_000, rounds=3, measurements=400, processes=40) > 2 * seconds
    assert seconds_for(10, rounds=3, measurements=400, processes=40) == SHORTEST
    assert seconds_for(10_000, rounds=1, measurements=1, processes=1) == LONGEST


def loaded(**more: object) -> dict[str, object]:
    return {
        "requests": 100,
        "wrong": 0,
        "failed": 0,
        "unsent": 0,
        "received": 1_000,
        "seconds": 2.0,
        "cpu_seconds": 1.0,
        "latency_us": {"50": 1, "99": 2, "99.9": 3},
        "first_wrong": None,
        **more,
    }


def test_a_sample_is_for_a_unit_of_work() -> None:
    one, fifty = to_sample(loaded(), 1), to_sample(loaded(), 50)
    assert (one["cpu_us"], one["requests_s"], one["server_cpus"]) == (10_000, 50, 0.5)
    assert (fifty["cpu_us"], fifty["requests_s"]) == (200, 2_500)
    assert (one["p50_us"], one["p99_us"], one["p999_us"]) == (1, 2, 3)
    assert "error" not in one


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"wrong": 1, "first_wrong": "no"}, "wrong 1, broken 0: 'no'"),
        ({"failed": 2, "first_wrong": "reset"}, "wrong 0, broken 2: 'reset'"),
        ({"requests": 0}, "wrong 0, broken 0: None"),
    ],
)
def test_one_wrong_answer_fails_a_sample(more: dict[str, object], said: str) -> None:
    assert to_sample(loaded(**more), 1)["error"] == said
