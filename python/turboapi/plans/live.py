"""What `turboapi.plans.status` tells of the plans of a running application."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from fastapi import FastAPI

from turboapi.plans.application import existing_plans
from turboapi.plans.compiler import Tier


class RouteStatus(TypedDict):
    """One route."""

    methods: list[str] | None
    """None stands for all."""
    path: str
    tier: Tier | None
    """None as long as no request has asked for a route that the start-up did not compile."""
    reason: str | None
    """Why it is not native."""
    served: int
    """Requests that its present plan has answered; it begins anew when the application changes."""


class RequestCounts(TypedDict):
    """HTTP requests in this process, by who answered them."""

    native: int
    python: int
    refused: int
    """By FastAPI, because the plan of the route would not: something was missing, invalid or in doubt."""
    unplanned: int
    """By FastAPI, because no plan is for such a request."""
    off: int
    """By FastAPI, because there were no plans."""
    middleware: int
    """By stock middleware in the engine, before any route was looked for."""


class Status(TypedDict):
    """The plans of one application."""

    plans: Literal["on", "off"]
    reason: str | None
    """Why there are none, if so."""
    requests: RequestCounts
    routes: list[RouteStatus]
    sync: list[dict[str, Any]]
    """The state of every `def` endpoint and dependency, with the keys of `turboapi._engine.Pace.state`."""


def status_of(app: FastAPI) -> Status | None:
    """See `turboapi.plans.status`."""
    plans = existing_plans(app)
    if plans is None:
        return None
    routes = plans.compiled_routes()
    served = plans.table.served()
    counts = plans.table.counts()
    return Status(
        plans="on" if plans.reason is None else "off",
        reason=plans.reason,
        requests=RequestCounts(
            native=counts["native"],
            python=counts["python"],
            refused=counts["refused"],
            unplanned=counts["unplanned"],
            off=counts["off"],
            middleware=counts["middleware"],
        ),
        # While the application is being compiled anew, the two lists can differ in length.
        routes=[
            RouteStatus(
                methods=None if effective.methods is None else sorted(effective.methods),
                path=effective.path,
                tier=None if compiled is None else compiled.tier,
                reason=None if compiled is None else compiled.reason,
                served=number,
            )
            for (effective, compiled), number in zip(routes, served, strict=False)
        ],
        sync=[pace.state() for pace in plans.paces()],
    )
