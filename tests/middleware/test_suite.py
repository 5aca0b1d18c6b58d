"""Starlette's own tests, where they have been downloaded (`make fuzz-middleware`)."""

from __future__ import annotations

import pytest

from tests.middleware.suite import SUITE, run


@pytest.mark.timeout(180)
@pytest.mark.skipif(not SUITE.exists(), reason="Starlette's sources are unpacked by `make fuzz-middleware`")
def test_starlettes_own_tests_pass() -> None:
    """And the engine answers itself where it can, not Starlette."""
    code, output, answered = run()
    assert code == 0, output
    assert answered["native"] > 30
    assert answered["middleware"] > 20
