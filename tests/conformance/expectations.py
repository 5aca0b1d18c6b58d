"""The expectation file, and the comparison of a run with it."""

from __future__ import annotations

import sys
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("expectations.toml")

Items = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Expectation:
    """Tests that do not pass, and why. `stock` is their outcome with the stock client."""

    tests: tuple[str, ...]
    outcome: str
    stock: str
    reason: str


@dataclass(frozen=True)
class Selection:
    """What to run: paths of the suite, and how many items that must be; None if it is not known."""

    paths: tuple[str, ...]
    items: int | None


@dataclass(frozen=True)
class Expectations:
    """The whole file: the distribution it is for, the two selections, and the tests expected not to pass."""

    version: str
    sha256: str
    full: Selection
    quick: Selection
    entries: tuple[Expectation, ...]

    @classmethod
    def load(cls) -> Expectations:
        """Read the file. Raises `ValueError` for a test that is named twice."""
        data = tomllib.loads(PATH.read_text())
        entries = tuple(
            Expectation(tuple(entry["tests"]), entry["outcome"], entry["stock"], entry["reason"])
            for entry in data["expect"]
            if _applies(entry)
        )
        repeated = [test for test, n in Counter(test for e in entries for test in e.tests).items() if n > 1]
        if repeated:
            raise ValueError(f"named more than once in {PATH.name}: {', '.join(repeated)}")
        full, quick = _selection(data["full"]), _selection(data["quick"])
        distribution = data["distribution"]
        return cls(distribution["version"], distribution["sha256"], full, quick, entries)


def _applies(entry: dict[str, Any]) -> bool:
    since, before = entry.get("since_python", [3]), entry.get("before_python", [4])
    return tuple(since) <= sys.version_info[:2] < tuple(before)


def _selection(data: dict[str, Any]) -> Selection:
    """`items` is a list of pairs: a version of Python and the number of items from that version on."""
    known = [number for python, number in data["items"] if python <= list(sys.version_info[:2])]
    return Selection(tuple(data["paths"]), known[-1])


@dataclass
class Result:
    """A run held against the expectations."""

    items: Items
    passed: int = 0
    expected: Counter[tuple[str, str]] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)


def compare(items: Items, entries: tuple[Expectation, ...], selection: Selection, *, stock: bool) -> Result:
    """Hold the outcomes of a run against the entries; with `stock`, against those of the stock client."""
    result = Result(items)
    expected = {test: entry for entry in entries for test in entry.tests}
    for nodeid, item in sorted(items.items()):
        entry = expected.get(nodeid)
        wanted = "passed" if entry is None else entry.stock if stock else entry.outcome
        if item["outcome"] != wanted:
            result.surprises.append(f"{nodeid}: {item['outcome']}, expected {wanted}. {item['message']}")
        elif entry is None or wanted == "passed":
            result.passed += 1
        else:
            result.expected[wanted, entry.reason] += 1
    if selection.items is not None:
        for test in expected:
            if test not in items and test.startswith(selection.paths):
                result.surprises.append(f"{test}: named in {PATH.name}, but not run")
        if len(items) != selection.items:
            result.surprises.append(f"{len(items)} items, expected {selection.items}")
    return result


_SERVED = {
    "native": "native plans",
    "python": "python plans",
    "refused": "FastAPI after a plan refused",
    "unplanned": "FastAPI without a plan",
    "off": "FastAPI with plans off",
}


def served(tiers: Counter[str]) -> str:
    """Who answered how many requests, and their share in percent."""
    return ", ".join(
        f"{name} {tiers[tier]} ({100 * tiers[tier] / tiers.total():.1f} %)" for tier, name in _SERVED.items()
    )


def summary(result: Result) -> str:
    """The totals, as lines of text."""
    client = [item for item in result.items.values() if item["uses"]]
    client_passed = sum(item["outcome"] == "passed" for item in client)
    expected, surprises = result.expected.total(), len(result.surprises)
    totals = f"{result.passed} passed, {expected} not passing as expected, {surprises} surprises"
    percent = f"{100 * client_passed / len(client):.2f} %" if client else "none"
    connected = sum(1 for item in client if item["connections"])
    lines = [
        f"  {len(result.items)} items: {totals}",
        f"  {len(client)} items use the TestClient: {client_passed} passed, {percent}",
        f"  {connected} of them connect to the engine, {sum(i['connections'] for i in client)} connections",
    ]
    tiers = Counter[str]()
    for item in result.items.values():
        tiers.update(item.get("tiers", {}))
    if tiers.total():
        lines.append("  requests to FastAPI applications, by who answered: " + served(tiers))
    for (outcome, reason), number in sorted(result.expected.items()):
        lines.append(f"  {number:5} {outcome}: {reason}")
    lines += [f"  surprise: {surprise}" for surprise in result.surprises]
    return "\n".join(lines)
