"""The page that is rendered from a result."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.compare.report import BEGIN, END, PAGE, insert, render
from benchmarks.compare.verdict import not_first

from .results import contender, content, result, rounds, sample

FAST = {
    "turboapi": {"json": rounds(9, 10, 11), "download": rounds(300, 300), "json~1000": rounds(10, 10)},
    "uvicorn": {"json": rounds(90, 100, 110), "download": rounds(200, 200), "json~1000": rounds(100, 100)},
    "hyper": {"json": rounds(5, 5)},
}


def test_a_cell_is_a_median_with_its_spread() -> None:
    page = render(result(FAST), ["cpu"], "charts/x")
    assert "| JSON | 10.0 | 100 (10.0x) |" in page
    assert "| JSON, 1,000/s | 0.50 / 0.90 / 1.00 | 5.00 / 9.00 / 10.0 |" in page
    assert "![CPU time a request](charts/x/cpu.svg)" in page
    assert "| hyper | 0.50 ±0% | 32.0 ±0% |" in page
    assert "3 of 3 rounds" in page


def test_a_server_that_was_not_busy_is_marked() -> None:
    idle = {"turboapi": {"json": [sample(10, server_cpus=0.5)]}, "uvicorn": {"json": rounds(100)}}
    page = render(result(idle), (), "")
    assert "| JSON | 10.0 | 100 (10.0x) |" in page
    assert "| JSON | 100,000 \\* | 10,000 (0.10x) |" in page


def test_a_failed_round_leaves_no_figure() -> None:
    failing = {"requests": 0, "errors": 1, "error": "wrong 3, broken 0: '<b>'"}
    page = render(result({**FAST, "uvicorn": {"json": [sample(100), failing]}}), (), "")
    assert "| JSON | 10.0 | failed |" in page
    assert "- uvicorn, JSON (basic): wrong answers: '&lt;b>'" in page


def test_who_does_not_take_part_is_told_with_the_reason() -> None:
    absent = contender("Other", absent="does not install")
    without = contender("uvicorn", without={"json": "has no JSON"})
    page = render(
        result(
            {"turboapi": FAST["turboapi"]},
            contenders={"turboapi": contender("TurboAPI"), "o": absent, "u": without},
        ),
        (),
        "",
    )
    assert "- Other did not take part: does not install" in page
    assert "- uvicorn, JSON (basic): has no JSON" in page


def test_an_idle_connection_that_was_not_measured_is_told_with_the_reason() -> None:
    processes = {"uvicorn": [{"startup_s": 0.5, "idle_error": "reset by peer"}]}
    page = render(result(FAST, processes=processes), (), "")
    assert "- uvicorn, bytes per idle connection: reset by peer" in page


def test_a_row_of_one_contender_among_several_is_left_out() -> None:
    page = render(result({"turboapi": FAST["turboapi"], "hyper": {"json": rounds(5)}}), (), "")
    assert "| JSON | 10.0 | 5.00 (0.56x) |" in page
    assert "| download | 300 |  |" not in page
    assert "| download | 300 |" in page


def test_a_rate_that_was_not_kept_is_marked() -> None:
    late = {**FAST, "uvicorn": {"json~1000": [sample(100, unsent=500)]}}
    assert "9.00 / 10.0 (not kept) |" in render(result(late), (), "")


def test_rows_in_which_another_is_better_are_listed() -> None:
    found = not_first(result(FAST))
    assert found == ["- **download (basic), CPU**: 300 us; uvicorn 200. Not explained yet."]


def test_the_upper_line_and_the_spread_do_not_count_as_better() -> None:
    close = {"turboapi": {"json": rounds(9, 10, 11)}, "uvicorn": {"json": rounds(9, 9.5, 10)}}
    assert not_first(result({**close, "hyper": {"json": rounds(1)}})) == []


def test_only_what_is_between_the_markers_is_replaced() -> None:
    assert insert(f"a\n{BEGIN}\nold\n{END}\nb", "new") == f"a\n{BEGIN}\n\nnew\n\n{END}\nb"
    assert insert(PAGE.read_text(), "x").count(BEGIN) == 1
    with pytest.raises(ValueError, match="results: begin"):
        insert("no markers", "new")


def test_another_kind_of_file_is_refused() -> None:
    with pytest.raises(ValueError, match="not a result"):
        result({}, kind="other")


def test_charts_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the requirements of the benchmarks are not installed")
    from benchmarks.compare.charts import draw

    assert draw(result(FAST), tmp_path) == ["cpu", "throughput", "latency", "memory"]
    assert all(path.stat().st_size > 1_000 for path in tmp_path.iterdir())
    assert content(FAST)["kind"] == "compare"
