"""When a result counts as worse than another."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.compare.check import FLOOR, changes, differences, lost
from benchmarks.compare.results import Result

from .results import MACHINE, content, result, rounds, sample, workload

OURS = ("turboapi",)


def json_only(*cpu_us: float) -> dict[str, dict[str, list[dict[str, Any]]]]:
    return {"turboapi": {"json": rounds(*cpu_us)}}


@pytest.mark.parametrize(
    ("old", "new", "regressed"),
    [
        ([10, 10, 10], [10, 10, 10], False),
        ([10, 10, 10], [10 * (1 + FLOOR * 0.9)] * 3, False),
        ([10, 10, 10], [10 * (1 + FLOOR * 1.1)] * 3, True),
        ([9, 10, 11], [10.5, 11, 11.5], False),  # 10 % worse with spreads of 10 % and 5 %
        ([9.9, 10, 10.1], [10.9, 11, 11.1], True),  # 10 % worse with spreads of 1 % each
        ([10, 10, 10], [5, 5, 5], False),
    ],
)
def test_worse_by_more_than_the_spread_is_a_regression(
    old: list[float], new: list[float], regressed: bool
) -> None:
    found = changes(result(json_only(*old)), result(json_only(*new)), OURS)
    assert {change.metric for change in found} == {"cpu_us", "requests_s"}
    assert [change.regressed for change in found if change.metric == "cpu_us"] == [regressed]


def drawn(seed: int, level: float = 1.0, noise: float = 0.04) -> Result:
    """Three rounds of forty workloads, all around the same value."""
    draw = random.Random(seed)
    names = [f"w{number}" for number in range(40)]
    samples = {name: rounds(*(100 * level * draw.gauss(1, noise) for _ in range(3))) for name in names}
    return result({"turboapi": samples}, workloads={name: workload(name) for name in names})


def test_noise_is_no_regression() -> None:
    failed = [
        seed
        for seed in range(40)
        if any(change.regressed for change in changes(drawn(seed), drawn(1_000 + seed), OURS))
    ]
    assert len(failed) <= 2


def test_a_regression_is_found_in_noise() -> None:
    found = [change.regressed for change in changes(drawn(1), drawn(2, level=1.3), OURS)]
    assert sum(found) > len(found) * 0.9


def test_fewer_requests_a_second_are_worse() -> None:
    slow = {"turboapi": {"json": [sample(10, requests_s=50_000.0)] * 3}}
    found = {change.metric: change for change in changes(result(json_only(10, 10, 10)), result(slow), OURS)}
    assert not found["cpu_us"].regressed
    assert found["requests_s"].regressed
    assert found["requests_s"].worse == pytest.approx(1.0)


def test_throughput_at_a_fixed_rate_is_no_figure() -> None:
    one = result({"turboapi": {"json~1000": rounds(10, 10, 10)}})
    assert [change.metric for change in changes(one, one, OURS)] == ["cpu_us"]


def test_on_another_machine_the_ratio_counts() -> None:
    old = result({"turboapi": {"json": rounds(10, 10)}, "uvicorn": {"json": rounds(100, 100)}})
    new = result({"turboapi": {"json": rounds(20, 20)}, "uvicorn": {"json": rounds(200, 200)}})
    assert any(change.regressed for change in changes(old, new, OURS))
    assert not any(change.regressed for change in changes(old, new, OURS, "uvicorn"))


def test_a_workload_that_fails_now_is_lost() -> None:
    broken = result({"turboapi": {"json": [{"requests": 0, "errors": 1, "error": "no"}]}})
    assert lost(result(json_only(10)), broken, OURS) == ["turboapi json: no"]
    assert lost(result(json_only(10)), result({"turboapi": {}}), OURS) == ["turboapi json: not measured"]
    assert lost(broken, broken, OURS) == []


def test_other_machines_are_told() -> None:
    here, there = result(json_only(10)), result(json_only(10), machine={**MACHINE, "cores": 64})
    assert differences(here, here) == []
    assert differences(here, there) == ["cores: 2 and 64"]


def run_check(directory: Path, old: dict[str, Any], new: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    paths = [directory / "old.json", directory / "new.json"]
    for path, written in zip(paths, (old, new), strict=True):
        path.write_text(json.dumps(written))
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.compare", "check", *map(str, paths)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("new", "status"), [((10.0, 10.0), 0), ((20.0, 20.0), 1), ((), 1)])
def test_the_command_fails_on_a_regression(tmp_path: Path, new: tuple[float, ...], status: int) -> None:
    now = json_only(*new) if new else {"turboapi": {}}
    done = run_check(tmp_path, content(json_only(10.0, 10.0)), content(now))
    assert done.returncode == status, done.stdout + done.stderr
    assert "turboapi json" in done.stdout


def test_one_round_cannot_be_compared(tmp_path: Path) -> None:
    one = content(json_only(10.0), rounds_done=1)
    done = run_check(tmp_path, one, one)
    assert done.returncode == 2
    assert "one round" in done.stderr
