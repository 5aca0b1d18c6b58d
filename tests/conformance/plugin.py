"""The pytest plugin inside the run: puts our TestClient in place, and writes down every item's outcome.

Loaded by name into a pytest whose root is FastAPI's source distribution, so it imports nothing of this
package.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
import starlette.testclient

USES = "testclient_uses"
CONNECTIONS = "engine_connections"
TIERS = "plan_tiers"


class Recorder:
    """Collects outcomes in the process that reports: the controller of pytest-xdist, or the only one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.items: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        item = self.items.setdefault(
            report.nodeid, {"outcome": "passed", "uses": 0, "connections": 0, "message": ""}
        )
        if report.when == "teardown":
            properties = dict(report.user_properties)
            item["uses"], item["connections"] = properties.get(USES, 0), properties.get(CONNECTIONS, 0)
            item["tiers"] = properties.get(TIERS, {})
        outcome = _outcome(report)
        if outcome != "passed":
            item["outcome"] = outcome
            item["message"] = _last_line(report.longreprtext)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.outcome != "passed":
            message = _last_line(report.longreprtext)
            self.items[report.nodeid] = {
                "outcome": report.outcome,
                "uses": 0,
                "connections": 0,
                "message": message,
            }

    def pytest_sessionfinish(self) -> None:
        self.path.write_text(json.dumps(self.items, indent=1, sort_keys=True))


class Counter:
    """Counts the calls of some methods while an item runs, and hands the number on as a property of the
    item."""

    def __init__(self, name: str, owner: type[Any], *methods: str) -> None:
        self.name = name
        self.calls = 0
        for method in methods:
            setattr(owner, method, self._counted(getattr(owner, method)))

    def _counted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            return method(*args, **kwargs)

        return counted

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        self.calls = 0
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, Any, Any]:
        result = yield
        item.user_properties.append((self.name, self.calls))
        return result


class TierCounter:
    """Sums up, for each item, who answered the requests of the applications with route plans."""

    def __init__(self) -> None:
        import turboapi.testclient.exchange as exchange
        from turboapi.plans.application import existing_plans

        self._existing_plans = existing_plans
        self._install = exchange.install_plans  # type: ignore[attr-defined]
        self._before: dict[Any, dict[Any, int]] = {}
        exchange.install_plans = self._install_plans  # type: ignore[attr-defined]

    def _install_plans(self, app: Any) -> None:
        self._install(app)
        plans = self._existing_plans(app)
        if plans is not None and plans.table not in self._before:
            self._before[plans.table] = dict(plans.table.counts())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, Any, Any]:
        result = yield
        total = dict[str, int]()
        for table, before in self._before.items():
            for tier, number in table.counts().items():
                total[tier] = total.get(tier, 0) + number - before[tier]
        self._before.clear()
        item.user_properties.append((TIERS, total))
        return result


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance")
    group.addoption("--conformance-client", choices=("turboapi", "stock"), default="turboapi")
    group.addoption("--conformance-report", type=str)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    # Before any conftest.py can import the client's name.
    if early_config.known_args_namespace.conformance_client == "turboapi":
        _replace_client()


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--conformance-client") == "turboapi":
        from turboapi.testclient.server import EngineServer

        config.pluginmanager.register(Counter(CONNECTIONS, EngineServer, "connect"))
        config.pluginmanager.register(TierCounter())
    config.pluginmanager.register(Counter(USES, starlette.testclient.TestClient, "send", "__enter__"))
    report = config.getoption("--conformance-report")
    if report and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(Path(report)), "conformance-recorder")


def _replace_client() -> None:
    import fastapi.testclient

    from turboapi.testclient import TestClient

    starlette.testclient.TestClient = TestClient  # type: ignore[misc]
    fastapi.testclient.TestClient = TestClient  # type: ignore[misc]


def _outcome(report: pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.skipped else "xpassed"
    return report.outcome


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    errors = [line for line in lines if line.startswith("E  ")]
    return (errors or lines or [""])[-1].strip()[:300]
