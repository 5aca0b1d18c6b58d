"""FastAPI apps on a Rust engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turboapi.config import Config
from turboapi.errors import ConfigError
from turboapi.main import run
from turboapi.sync import sync_mode

if TYPE_CHECKING:
    from turboapi._engine import __version__
    from turboapi.applications import TurboAPI
    from turboapi.server import Server

__all__ = ["Config", "ConfigError", "Server", "TurboAPI", "__version__", "run", "sync_mode"]


def __getattr__(name: str) -> Any:
    # Loaded on first use: the parent of workers and the reloader need neither FastAPI nor the engine.
    if name == "TurboAPI":
        from turboapi.applications import TurboAPI

        return TurboAPI
    if name == "Server":
        from turboapi.server import Server

        return Server
    if name == "__version__":
        from turboapi._engine import __version__

        return __version__
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
