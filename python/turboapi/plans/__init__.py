"""Route plans: FastAPI's own routes, compiled for the engine.

The one package that touches FastAPI's internals. What it cannot prove to be the same is left to FastAPI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI

    from turboapi.plans.live import Status

__all__ = ["status"]


def status(app: FastAPI) -> Status | None:
    """How the plans of `app` are doing in this process, for operators; None if no server has made any.

    The keys of the dictionary are those of `turboapi.plans.live.Status`. Reading it costs a few microseconds
    a route and changes nothing.
    """
    from turboapi.plans.live import status_of

    return status_of(app)
