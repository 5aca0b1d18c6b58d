"""Middleware that runs in the engine, before Python (docs/middleware.md)."""

from __future__ import annotations

from turboapi.middleware.layers import BodyLimit, EngineLayer, RequestId

__all__ = ["BodyLimit", "EngineLayer", "RequestId"]
