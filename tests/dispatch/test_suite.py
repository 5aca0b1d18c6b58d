"""Starlette's own tests of `BaseHTTPMiddleware`, where they have been downloaded (`make fuzz-middleware`)."""

from __future__ import annotations

import pytest

from tests.dispatch.suite import LEFT_OUT, run
from tests.middleware.suite import SUITE


@pytest.mark.timeout(120)
@pytest.mark.skipif(not SUITE.exists(), reason="Starlette's sources are unpacked by `make fuzz-middleware`")
@pytest.mark.parametrize("way", LEFT_OUT)
def test_starlettes_own_tests_pass(way: str) -> None:
    """And a substitute runs some request of every single one."""
    played = run(way)
    assert played.code == 0, played.output
    assert len(played.substituted) > 10, played.output
    assert all(played.substituted.values()), played.substituted
    if way != "class":
        assert played.totals["native"] + played.totals["python"] > 10, played.totals
    if way in ("front", "engine"):
        assert played.totals["front"] > 10, played.totals
