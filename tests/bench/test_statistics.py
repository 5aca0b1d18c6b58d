"""Medians, spreads, the length of measurements and the meaning of what the load generator says."""

from __future__ import annotations

import random
from typing import Any

import pytest

from benchmarks.compare.measure import to_sample
from benchmarks.compare.results import Figure, Result, figure
from benchmarks.compare.schedule import LONGEST, SHORTEST, seconds_for

from .results import result, rounds, sample, workload


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


def ratio_of(ours: list[float], theirs: list[float]) -> Figure:
    samples = {"turboapi": {"json": rounds(*ours)}, "uvicorn": {"json": rounds(*theirs)}}
    found = result(samples).ratio("uvicorn", "json", "cpu_us")
    assert found is not None
    return found


def test_a_ratio_is_that_of_the_same_round() -> None:
    # The machine was twice as slow in the second round, for both.
    assert ratio_of([10, 20, 10], [60, 120, 60]) == Figure(pytest.approx(6), 0)  # type: ignore[arg-type]
    assert ratio_of([10, 10, 10], [60, 60, 66]).spread > 0


def test_another_run_lies_within_the_spread_in_nineteen_of_twenty_cases() -> None:
    draw = random.Random(3)
    names = [f"w{number}" for number in range(30)]

    def run() -> Result:
        def level(name: str) -> list[dict[str, Any]]:
            return rounds(*(100 * draw.gauss(1, 0.05) for _ in range(3)))

        samples = {who: {name: level(name) for name in names} for who in ("turboapi", "uvicorn")}
        return result(samples, workloads={name: workload(name) for name in names})

    within = []
    for _ in range(40):
        first, second = run(), run()
        for name in names:
            one, two = (each.ratio("uvicorn", name, "cpu_us") for each in (first, second))
            assert one is not None
            assert two is not None
            within.append(abs(two.median / one.median - 1) <= one.spread)
    assert 0.92 < sum(within) / len(within) < 0.98


def test_a_failed_round_leaves_no_ratio() -> None:
    failing = {"requests": 0, "errors": 1, "error": "no"}
    samples = {"turboapi": {"json": rounds(10, 10)}, "uvicorn": {"json": [*rounds(10), failing]}}
    assert result(samples).ratio("uvicorn", "json", "cpu_us") is None
    assert result({"turboapi": samples["turboapi"]}).ratio("uvicorn", "json", "cpu_us") is None


def loaded(**more: object) -> dict[str, object]:
    return {
        "requests": 100,
        "wrong": 0,
        "failed": 0,
        "unsent": 0,
        "received": 1_000,
        "seconds": 2.0,
        "cpu_seconds": 1.0,
        "turns": [[60, 0.6], [40, 0.4], [0, 0.0]],
        "latency_us": {"50": 1, "99": 2, "99.9": 3},
        "first_wrong": None,
        **more,
    }


def test_a_sample_is_for_a_unit_of_work() -> None:
    one, fifty = to_sample(loaded(), 1), to_sample(loaded(), 50)
    assert (one["cpu_us"], one["requests_s"], one["server_cpus"]) == (10_000, 50, 0.5)
    assert (fifty["cpu_us"], fifty["requests_s"]) == (200, 2_500)
    assert (one["p50_us"], one["p99_us"], one["p999_us"]) == (1, 2, 3)
    assert one["turns_cpu_us"] == [10_000, 10_000, None]
    assert "error" not in one


def test_a_burst_in_one_turn_does_not_change_a_ratio() -> None:
    calm = {"turns_cpu_us": [10.0, 10.0, 10.0]}
    burst = {"turns_cpu_us": [60.0, 600.0, 60.0]}
    samples = {"turboapi": {"json": [sample(10, **calm)]}, "uvicorn": {"json": [sample(240, **burst)]}}
    found = result(samples).ratio("uvicorn", "json", "cpu_us")
    assert found is not None
    assert found.median == pytest.approx(6)


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


def test_a_server_that_is_gone_is_an_error() -> None:
    assert to_sample({"error": "No such process"}, 1)["error"] == "the server is gone: No such process"
