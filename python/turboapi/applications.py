"""`TurboAPI`: FastAPI with a `run` method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from fastapi import FastAPI

from turboapi.config import ConfigOptions
from turboapi.main import run
from turboapi.middleware import EngineLayer


class TurboAPI(FastAPI):
    """FastAPI's application class, unchanged but for `run` and `engine_middleware`."""

    engine_middleware: Sequence[EngineLayer] = ()
    """Layers of `turboapi.middleware` that the engine runs before the app, to be set on the app.

    Any ASGI app can have an attribute of this name; see docs/middleware.md.
    """

    def run(self, host: str | None = "127.0.0.1", port: int = 8000, **options: Unpack[ConfigOptions]) -> None:
        """Serve this app until a signal stops it; the options are those of `turboapi.Config`.

        `workers` and `reload` need an import string: `turboapi.run("main:app", workers=4)`.
        """
        run(self, host=host, port=port, **options)
