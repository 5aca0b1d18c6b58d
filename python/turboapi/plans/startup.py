"""What a server does with plans when it starts."""

from __future__ import annotations

import logging

from turboapi._engine import PlanTable
from turboapi.plans.application import ApplicationPlans, plans_of
from turboapi.plans.explain import explain_plans, summary_line
from turboapi.plans.selfcheck import check_once
from turboapi.sync import SyncMode

logger = logging.getLogger("uvicorn.error")


async def plan_table(app: object, sync_mode: SyncMode) -> PlanTable | None:
    """The compiled routes of a FastAPI app, for the engine; None for any other app.

    Checks plans against FastAPI and logs the summary, both once a process. Compiles every route, so that no
    request has to wait for it.
    """
    plans = plans_of(app, sync_mode)
    if plans is None:
        return None
    await check_once()
    plans.table.ensure()
    _announce(plans)
    return plans.table


def _announce(plans: ApplicationPlans) -> None:
    explanation = explain_plans(plans)
    if not plans.announced:
        plans.announced = True
        logger.info("Route plans: %s", summary_line(explanation))
