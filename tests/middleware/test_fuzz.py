"""A short run of the fuzzer, and that it can fail."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.middleware.fuzz import Tally, play
from tests.middleware.layers import Stack


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Apps that raise on purpose fill the log."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.timeout(120)
def test_generated_middleware_answers_alike() -> None:
    """`make fuzz-middleware` runs a hundred thousand requests."""
    tally = Tally()
    for number in range(16):
        for finding in play(1, number, 100, tally):
            pytest.fail(str(finding))
    assert tally.requests == 1600
    assert min(tally.tiers[tier] for tier in ("native", "middleware", "unplanned", "refused", "python")) > 5


def test_a_missing_layer_is_found() -> None:
    """The engine serves the app without its middleware."""
    assert next(play(1, 0, 100, Tally(), Stack(())), None) is not None
