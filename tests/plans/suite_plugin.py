"""A pytest plugin that puts a plan of the python tier into every route of the apps a test suite makes.

For FastAPI's own suite as `make conformance` unpacks it, with Starlette's test client and no engine. In its
directory, with the Python of the conformance environment::

    PYTHONPATH=<repository>/tests/plans:<repository>/python python -m pytest -p suite_plugin tests

``PLANS_PACE=inline`` runs every `def` on the loop's thread; tests that need a worker thread fail then.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import pytest
from fastapi.routing import APIRoute, _get_scope_effective_route_context

from turboapi._engine import Pace
from turboapi.plans.dependencies import compile_program
from turboapi.plans.handlers import handler_facts
from turboapi.plans.native import compile_extractor
from turboapi.plans.python_plan import PythonPlan, compile_python_plan
from turboapi.plans.reasons import NotPlannable

_served: Counter[str] = Counter()
_original = APIRoute.handle
_mode: Any = os.environ.get("PLANS_PACE", "threads")


def _plan(holder: Any) -> PythonPlan | None:
    try:
        facts = handler_facts(holder.app)
        program = extractor = None
        try:
            program = compile_program(facts)
            extractor = compile_extractor(program, facts, list(holder.param_convertors))
        except NotPlannable:
            if program is not None and program.request:
                program = None
        return compile_python_plan(facts, program, extractor, lambda call: Pace(repr(call), _mode))
    except NotPlannable:
        return None


async def _handle(self: APIRoute, scope: Any, receive: Any, send: Any) -> None:
    context = _get_scope_effective_route_context(scope)
    holder: Any = context if context is not None and context.original_route is self else self
    app = scope.get("app")
    telemetry = getattr(app, "_native_telemetry", None)
    if telemetry is None or telemetry.enabled() or scope["method"] not in holder.methods:
        _served["not asked"] += 1
        await _original(self, scope, receive, send)
        return
    key = (holder.app, tuple(app.dependency_overrides.items()))
    cached = vars(holder).get("_plan_of_test")
    if cached is None or cached[0] != key:
        cached = vars(holder)["_plan_of_test"] = (key, _plan(holder))
    plan = cached[1]
    if plan is None:
        _served["no plan"] += 1
        await _original(self, scope, receive, send)
        return
    _served[f"{plan.shape}, {'program' if plan.solves else 'solve_dependencies'}"] += 1
    await plan(scope, receive, send)


def pytest_configure(config: pytest.Config) -> None:
    """Put plans into routes from now on."""
    APIRoute.handle = _handle  # type: ignore[method-assign]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many requests each kind of plan served."""
    for name, number in _served.most_common():
        terminalreporter.write_line(f"{number:6} requests: {name}")
