"""Middleware that runs in the engine, before Python (docs/middleware.md)."""

from __future__ import annotations

from turboapi.middleware.base import EngineLayer
from turboapi.middleware.layers import BodyLimit, Compression, RequestId, SecurityHeaders, Timeout
from turboapi.middleware.limits import LoadShedding, RateLimit
from turboapi.middleware.metrics import Metrics

__all__ = [
    "BodyLimit",
    "Compression",
    "EngineLayer",
    "LoadShedding",
    "Metrics",
    "RateLimit",
    "RequestId",
    "SecurityHeaders",
    "Timeout",
]
