"""A server of route plans on a thread of its own, for tests that block its loop or change its app."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from fastapi import FastAPI

from turboapi import Config, Server


@contextmanager
def served(app: FastAPI, **options: object) -> Iterator[httpx.Client]:
    """A client for `app`, which is served until the block ends."""
    server = Server(Config(app, port=0, log_config=None, access_log=False, **options))  # type: ignore[arg-type]
    thread = threading.Thread(target=server.run)
    started = threading.Event()
    startup = server.startup

    async def announced(sockets: object = None) -> None:
        try:
            await startup(sockets)  # type: ignore[arg-type]
        finally:
            started.set()

    server.startup = announced  # type: ignore[method-assign]
    thread.start()
    try:
        assert started.wait(30)
        assert server.started
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()
