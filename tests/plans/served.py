"""A server on a thread of its own, for tests that block its loop or change its app."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import httpx
from fastapi import FastAPI

import turboapi


@contextmanager
def served(app: FastAPI, package: ModuleType = turboapi, **options: object) -> Iterator[httpx.Client]:
    """A client for `app`, which is served until the block ends; `uvicorn` is a package as well."""
    config = package.Config(app, port=0, log_config=None, access_log=False, **options)
    server = package.Server(config)
    thread = threading.Thread(target=server.run)
    started = threading.Event()
    startup = server.startup

    async def announced(sockets: object = None) -> None:
        try:
            await startup(sockets)
        finally:
            started.set()

    server.startup = announced
    thread.start()
    try:
        assert started.wait(30)
        assert server.started
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()
