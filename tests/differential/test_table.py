"""The table as tests: one item a case, servers started once for the session."""

from __future__ import annotations

import fnmatch

import pytest

from .harness.case import Case
from .harness.expectations import Expectation, load
from .run import ENGINE, Pair
from .table import all_cases, cases

TABLE = cases()


@pytest.fixture(scope="session")
def entries() -> list[Expectation]:
    """The documented differences; they speak of our engine only."""
    return load() if ENGINE == "turboapi" else []


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.id)
def test_case(case: Case, servers: Pair, entries: list[Expectation]) -> None:
    """Same bytes in, same bytes out."""
    outcome = servers.play(case, entries)
    assert outcome.problem is None, outcome.problem


def test_access_log(servers: Pair, entries: list[Expectation]) -> None:
    """What was equal on the wire is so in the access log. Ends the servers: keep it below the table."""
    problems = servers.compare_access_logs(entries)
    assert not problems, "\n".join(problems)


def test_table_is_large_enough() -> None:
    """Issue 2 asks for at least 300 requests."""
    assert len(TABLE) >= 300


def test_every_documented_difference_has_a_case() -> None:
    """An entry that covers no case is a leftover."""
    ids = [case.id for case in all_cases()]
    for entry in load():
        for pattern in entry.ids:
            assert fnmatch.filter(ids, pattern), pattern
