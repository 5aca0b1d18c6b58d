"""The start-up self-check: finds nothing here, and finds a plan that answers otherwise than FastAPI."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from turboapi._engine import Encoder
from turboapi.plans import compiler, runtime, selfcheck, versions
from turboapi.plans.application import ApplicationPlans
from turboapi.plans.native import NativePlan, compile_native
from turboapi.plans.reference import REQUESTS, reference_app
from turboapi.plans.responses import compile_response
from turboapi.plans.selfcheck import check_once, find_difference


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selfcheck._State, "checked", False)
    monkeypatch.setattr(versions, "_distrusted", [])


def test_plans_answer_as_fastapi_does() -> None:
    assert asyncio.run(find_difference()) is None


def test_the_check_reaches_both_tiers_and_a_refusal() -> None:
    app = reference_app(lambda what: None)
    plans = ApplicationPlans(app, "inline")
    happened: list[str] = []
    plans.table.ensure()
    for request in REQUESTS:
        asyncio.run(selfcheck._ask(app, request, happened))
    counts = plans.table.counts()
    assert counts["native"] >= 12
    assert counts["python"] >= 3
    assert counts["refused"] == 3
    assert counts["unplanned"] == counts["off"] == 0
    assert all(plans.table.served())


def break_status(plan: NativePlan, facts: Any) -> NativePlan:
    spec = compile_response(facts)
    return plan._replace(encoder=Encoder(spec._replace(status_code=299)))


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:

    def broken_native(program: Any, extractor: Any, facts: Any, paces: Any) -> NativePlan:
        return break_status(compile_native(program, extractor, facts, paces), facts)

    monkeypatch.setattr(compiler, "compile_native", broken_native)


@pytest.mark.usefixtures("broken")
def test_a_plan_that_answers_otherwise_is_found() -> None:
    difference = asyncio.run(find_difference())
    assert difference is not None
    assert difference.startswith("GET /items/7 of the self-check is answered differently. FastAPI: 200 {")
    assert "Its plan: 299 {" in difference


def test_background_tasks_that_are_lost_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoTasks(runtime.BackgroundTasks):
        async def __call__(self) -> None: ...

    monkeypatch.setattr(runtime, "BackgroundTasks", NoTasks)
    difference = asyncio.run(find_difference())
    assert difference is not None
    assert "/background" in difference


@pytest.mark.usefixtures("broken")
def test_a_difference_switches_plans_off(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="uvicorn.error"):
        asyncio.run(check_once())
        asyncio.run(check_once())
    [record] = caplog.records
    assert "Route plans are off, FastAPI serves all routes: GET /items/7" in record.getMessage()
    app = FastAPI()
    plans = ApplicationPlans(app)
    assert not plans.table.ensure()
    assert plans.reason is not None
    assert "GET /items/7" in plans.reason


def test_a_check_that_fails_switches_plans_off(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(record: Any) -> FastAPI:
        raise RuntimeError("no app")

    monkeypatch.setattr(selfcheck, "reference_app", fail)
    with caplog.at_level(logging.WARNING, logger="uvicorn.error"):
        asyncio.run(check_once())
    assert versions.distrusted() == "the self-check failed: RuntimeError('no app')"
    assert len(caplog.records) == 1


def test_the_command_says_that_the_check_failed(tmp_path: Path) -> None:
    (tmp_path / "patched.py").write_text(
        "import fastapi\n"
        "from turboapi.plans import runtime\n"
        "class NoTasks(fastapi.BackgroundTasks):\n"
        "    async def __call__(self): ...\n"
        "runtime.BackgroundTasks = NoTasks\n"
        "app = fastapi.FastAPI()\n"
    )
    result = subprocess.run(
        [sys.executable, "-m", "turboapi", "explain", "patched:app", "--app-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1, result.stderr
    assert "no route plans: GET /background of the self-check is answered differently" in result.stdout
