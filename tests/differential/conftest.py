"""Session fixtures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .run import ENGINE, REFERENCE, Pair, pair
from .table import cases


@pytest.fixture(scope="session")
def servers() -> Iterator[Pair]:
    """The reference and the server under test, for every app of the table."""
    with pair(REFERENCE, ENGINE, (case.app for case in cases())) as running:
        yield running
