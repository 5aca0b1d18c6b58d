"""Middleware that runs in the engine, before Python (docs/middleware.md)."""

from __future__ import annotations

from turboapi.middleware.layers import (
    BodyLimit,
    Compression,
    EngineLayer,
    RequestId,
    SecurityHeaders,
    Timeout,
)

__all__ = ["BodyLimit", "Compression", "EngineLayer", "RequestId", "SecurityHeaders", "Timeout"]
