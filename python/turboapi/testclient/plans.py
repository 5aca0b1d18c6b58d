"""Route plans of the app under test: in place and up to date before each request.

What a test changes in its app between two requests (overrides, routes, patches) counts for the next one.
"""

from __future__ import annotations

import os
import sys
from typing import Literal

from starlette.types import ASGIApp

TestPlans = Literal["on", "off", "forced"]
"""As a server runs the app; FastAPI alone; with every `def` inline that is not pinned to threads."""


def _from_environment() -> TestPlans:
    value = os.environ.get("TURBOAPI_TEST_PLANS", "on")
    if value not in ("on", "off", "forced"):
        raise ValueError(f"TURBOAPI_TEST_PLANS is {value!r}; use one of on, off, forced")
    return value  # type: ignore[return-value, unused-ignore]


test_plans: TestPlans = _from_environment()
"""How clients run FastAPI apps; from the environment variable TURBOAPI_TEST_PLANS, may be set at any time."""


def install_plans(app: ASGIApp) -> None:
    """Put the plans of `app` in place if it is a FastAPI application; a few comparisons if they are."""
    if test_plans == "off" or "fastapi" not in sys.modules:
        return
    from turboapi.plans.application import plans_of

    plans = plans_of(app, "inline" if test_plans == "forced" else "adaptive")
    if plans is not None:
        plans.table.ensure()
