"""A short run of the fuzzer, and that it can fail."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from tests.differential.harness.wire import Response

from .apps import app
from .draw import Draw
from .duel import Duel, _beside, broken_lines, differences
from .hunt import Finding, Hunt, write
from .requests import request


def test_same_seed_same_app_and_requests() -> None:
    """A failing run can be repeated."""
    first, second = app("7/3"), app("7/3")
    assert first.render() == second.render()
    assert [request(Draw("x"), first, n) for n in range(50)] == [
        request(Draw("x"), second, n) for n in range(50)
    ]


def test_part_of_an_app_defines_what_it_names() -> None:
    """A module with one route is complete, and smaller."""
    made = app("7/3")
    source = made.render({made.routes[0].name}, [])
    assert len(source) < len(made.render())
    compile(source, "smaller", "exec")
    assert made.routes[0].name in source
    assert made.routes[1].name not in source


@pytest.mark.timeout(120)
def test_generated_apps_answer_alike(tmp_path: Path) -> None:
    """Two apps, some hundred requests: `make fuzz-apps` runs a hundred thousand."""
    hunt = Hunt(1, tmp_path)
    findings = [event for event in hunt.run([0, 1, 2], 1200) if isinstance(event, Finding)]
    assert not findings, findings[0]
    assert hunt.tally.requests >= 1200
    assert hunt.tally.statuses["200"] > 100


@pytest.mark.timeout(60)
def test_apps_that_differ_are_told_apart(tmp_path: Path) -> None:
    """An app that answers by the name of its server, and notes it."""
    source = app("7/3").render(set(), [])
    source += (
        '\n\n@app.get("/who")\nasync def who(x_id: Annotated[str, Header()] = "-") -> str:\n'
        '    import sys\n    note(x_id, sys.argv[0])\n    return sys.argv[0].rpartition("/")[0]\n'
    )
    write(tmp_path, "telling", source)
    with Duel(tmp_path, "telling") as duel:
        duel.wait()
        assert not duel.refused
        difference = duel.ask(b"GET /who HTTP/1.1\r\nHost: example.test\r\nX-Id: 5\r\n\r\n", b"GET")
        assert difference is not None
        assert difference.kinds == ("headers", "body")
        assert [key for key, _, _ in duel.compare_journals(0, 6)] == ["5"]
        assert duel.ask(b"GET /who?x HTTP/1.1\r\nHost: example.test\r\n\r\n", b"TRACE") is not None


@pytest.mark.timeout(60)
def test_coroutines_that_nobody_awaits(tmp_path: Path) -> None:
    """Both sides report them, however late they become garbage; only the engine's own are a finding."""
    source = app("7/3").render(set(), [])
    source += """


async def lost() -> None:
    pass


async def lost_by_one() -> None:
    pass


@app.get("/lose")
async def lose() -> None:
    garbage = [lost(), lost_by_one() if "turboapi" in sys.argv[0] else None]
    garbage.append(garbage)
"""
    write(tmp_path, "losing", source)
    with Duel(tmp_path, "losing") as duel:
        duel.wait()
        assert not duel.refused
        assert duel.ask(b"GET /lose HTTP/1.1\r\nHost: example.test\r\n\r\n", b"GET") is None
    assert ["'lost'" in log for log in duel.logs] == [True, True]
    found = duel.broken()
    assert len(found) == 1
    assert "'lost_by_one' was never awaited" in found[0]


def test_a_coroutine_collected_in_a_namedtuple_is_nobodys_fault() -> None:
    """The collector runs inside the constructor, and Python has no `__import__` there to warn with."""
    program = """
import asyncio, collections, gc
Pair = collections.namedtuple("Pair", "a b")
gc.disable()
for _ in range(100):
    garbage = [asyncio.sleep(0)]
    garbage.append(garbage)
    del garbage
    gc.enable()
    gc.set_threshold(1)
    Pair(1, 2)
    gc.disable()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    if "__import__" not in done.stderr:
        pytest.skip("this Python collects elsewhere")
    assert "Exception ignored" in done.stderr
    assert all("never awaited" in line for line in broken_lines(done.stderr).values())


def test_apps_whose_file_responses_race() -> None:
    """One dispatch function adds a task, and one further out throws the response away."""

    def races(*features: str) -> bool:
        functions = [
            f'@app.middleware("http")\nasync def dispatch_{number}():\n    # {words}\n    pass'
            for number, words in enumerate(features)
        ]
        return dataclasses.replace(app("7/3"), additions=functions).races_with_files

    assert races("plain task", "plain", "plain replace status")
    assert races("plain task", "plain replace-errors")
    assert not races("plain replace", "plain task")
    assert not races("plain task replace")
    assert not races()


def test_apps_that_leave_bodies_unread() -> None:
    """Of an app that has a dispatch function which answers with something else."""
    function = '@app.middleware("http")\nasync def dispatch_0():\n    # plain {}\n    pass'
    answers = [
        dataclasses.replace(app("7/3"), additions=[function.format(feature)]).leaves_bodies_unread
        for feature in ("status", "replace", "raise-after")
    ]
    assert answers == [False, True, True]


def test_tasks_that_run_beside_exits() -> None:
    """Of an app with a `def` dependency that yields, and a dispatch function that adds a task."""
    assert app("11/0").tasks_beside_exits == ["task of dispatch_0"]
    assert dataclasses.replace(app("11/0"), additions=[]).tasks_beside_exits == []


def test_tasks_of_several_levels_run_in_threads() -> None:
    """Their order is chance; that of the tasks of one response, and of all else, is not."""
    journals = [["a", "inner", "outer"], ["a", "outer", "inner"], ["inner", "a", "outer"], ["a", "outer"]]
    named = [[f"task of {one}" if one != "a" else one for one in journal] for journal in journals]
    first, second, third, fourth = (_beside(["task of outer"], journal) for journal in named)
    assert first == second != third
    assert fourth == named[3]
    assert _beside([], named[0]) != _beside([], named[1])


def test_kinds_of_differences() -> None:
    """Order, values, content, framing and completeness count; the place of `date` and `server` does not."""

    def answer(*names: bytes, body: bytes = b"b", complete: bool = True) -> Response:
        return Response(
            b"HTTP/1.1 200 OK", [(name, b"1") for name in names], body, "length", [], [], complete
        )

    assert differences(answer(b"a", b"b", b"date"), answer(b"date", b"a", b"b")) == ()
    assert differences(answer(b"a", b"b", b"a"), answer(b"a", b"a", b"b")) == ()
    assert differences(answer(b"a", b"b"), answer(b"b", b"a")) == ("header-order",)
    assert differences(answer(b"a"), answer(b"a", b"b")) == ("headers",)
    assert differences(answer(b"a"), answer(b"a", body=b"c")) == ("body",)
    assert differences(answer(b"a"), answer(b"a", complete=False)) == ("truncation",)
    assert (
        differences(answer(b"a", body=b"<x at 0x7f0011223344>"), answer(b"a", body=b"<x at 0x7f99887766>"))
        == ()
    )
    assert differences("no answer", answer(b"a")) == ("answer",)
