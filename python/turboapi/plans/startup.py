"""What a server does with plans when it starts."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from starlette.routing import Mount

from turboapi._engine import PlanTable
from turboapi.plans.application import ApplicationPlans, plans_of
from turboapi.plans.explain import explain_plans, summary_line
from turboapi.plans.selfcheck import check_once
from turboapi.sync import SyncMode

logger = logging.getLogger("uvicorn.error")

_DEPTH = 16


async def plan_table(app: object, sync_mode: SyncMode) -> PlanTable | None:
    """The compiled routes of a FastAPI app, for the engine; None for any other app.

    FastAPI apps that `app` wraps or mounts get plans too, which run where FastAPI's routers did. Checks plans
    against FastAPI and logs summaries, both once a process. Compiles all routes: no request waits for that.
    """
    for where, one in applications(app):
        await check_once()
        plans = plans_of(one, sync_mode)
        if plans is not None:
            plans.table.ensure()
            _announce(plans, where)
    plans = plans_of(app, sync_mode)
    return None if plans is None else plans.table


def applications(app: Any) -> Iterator[tuple[str, FastAPI]]:
    """The FastAPI apps that requests to `app` can reach, with the path each is mounted at."""
    seen: set[int] = set()

    def walk(app: Any, path: str, depth: int) -> Iterator[tuple[str, FastAPI]]:
        if depth == 0 or id(app) in seen:
            return
        seen.add(id(app))
        if isinstance(app, FastAPI):
            yield path, app
        routes = getattr(app, "routes", None)
        for route in routes if isinstance(routes, list) else []:
            if isinstance(route, Mount):
                yield from walk(route.app, path + route.path, depth - 1)
        # A Starlette app has no such attribute; most middleware has.
        yield from walk(getattr(app, "app", None), path, depth - 1)

    yield from walk(app, "", _DEPTH)


def _announce(plans: ApplicationPlans, where: str) -> None:
    explanation = explain_plans(plans)
    if plans.announced:
        return
    plans.announced = True
    if explanation["plans"] == "on" and not explanation["summary"]["routes"]:
        return
    if where:
        logger.info("Route plans below %s: %s", where, summary_line(explanation))
    else:
        logger.info("Route plans: %s", summary_line(explanation))
