"""`turboapi.run`: serve an app in the way its options ask for."""

from __future__ import annotations

import os
import sys
from typing import Any, Unpack

from turboapi._types import ASGIApp
from turboapi.config import Config, ConfigOptions


def run(
    app: ASGIApp | Any | str,
    *,
    host: str | None = "127.0.0.1",
    port: int = 8000,
    **options: Unpack[ConfigOptions],
) -> None:
    """Serve `app` until a signal stops it; the options are those of `turboapi.Config`.

    `app` is an ASGI app or an import string ("module:attribute"), which `workers` and `reload` need.
    Returns after Ctrl-C; ends the process with exit code 3 if the app cannot be started. Raises
    `turboapi.ConfigError` for options that cannot apply.
    """
    serve(Config(app, host, port, **options))


def serve(config: Config) -> None:
    """Run the kind of server that `config` asks for: one process, several workers, threads or a reloader."""
    config.check_import_string()
    if config.app_dir is not None:
        sys.path.insert(0, os.path.abspath(config.app_dir))
    try:
        if config.reload:
            from turboapi.reload import Reloader

            Reloader(config).run()
        elif (config.workers or 1) > 1:
            from turboapi.supervisor import Supervisor

            Supervisor(config).run()
        elif (config.threads or 1) > 1:
            from turboapi.threads import ThreadGroup, require_free_threading

            require_free_threading()
            ThreadGroup(config).run()
        else:
            from turboapi.server import Server

            server = Server(config)
            server.freeze_gc = True
            server.run()
    except KeyboardInterrupt:
        # Ctrl-C has been handled and raised again; it is how a server is meant to be stopped.
        pass
