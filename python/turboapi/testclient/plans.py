"""Route plans of the app under test: in place before each request, gone with the last client.

What a test changes in its app between two requests (overrides, routes, patches) counts for the next one.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections import Counter
from typing import TYPE_CHECKING, Literal

from starlette.types import ASGIApp

if TYPE_CHECKING:
    from turboapi.plans.application import ApplicationPlans

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


def release_with(client: object, app: ASGIApp) -> None:
    """When `client` and every other client of `app` are gone, let go of the plans.

    Native code, which the garbage collector does not see into, must not keep the app alive.
    """
    with _lock:
        _clients[id(app)] += 1
    weakref.finalize(client, _release, app).atexit = False


# Finalizers run in the middle of anything, this module's functions included.
_lock = threading.RLock()
_clients: Counter[int] = Counter()


def _release(app: ASGIApp) -> None:
    with _lock:
        _clients[id(app)] -= 1
        if _clients[id(app)]:
            return
        del _clients[id(app)]
    if "turboapi.plans.application" not in sys.modules:
        return
    from turboapi.plans.application import existing_plans, forget_plans

    plans: ApplicationPlans | None = existing_plans(app)
    if plans is not None and not plans.announced:
        forget_plans(app)
