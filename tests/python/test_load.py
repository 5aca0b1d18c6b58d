"""Stopping under load: no request that reached the app is lost."""

from __future__ import annotations

import http.client
import re
import signal
import threading

import pytest
from conftest import Serve
from processes import ServerProcess

APP = """
    import asyncio

    class App:
        started = 0

        async def __call__(self, scope, receive, send):
            if scope["type"] == "lifespan":
                await receive()
                await send({"type": "lifespan.startup.complete"})
                await receive()
                print(f"the app saw {self.started} requests", flush=True)
                await send({"type": "lifespan.shutdown.complete"})
                return
            self.started += 1
            await asyncio.sleep(0.002)
            headers = [(b"content-length", b"4000")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"x" * 4000})

    app = App()
"""


class Client(threading.Thread):
    """Sends requests until the server is gone; counts the complete answers."""

    def __init__(self, port: int, *, keep_alive: bool) -> None:
        super().__init__(daemon=True)
        self.complete = 0
        self.truncated = 0
        self.enough = threading.Event()
        self._port = port
        self._keep_alive = keep_alive

    def run(self) -> None:
        """Until connections are refused or closed."""
        connection = self._connect()
        while True:
            try:
                connection.request("GET", "/")
                response = connection.getresponse()
            except (OSError, http.client.HTTPException):
                break
            try:
                self.complete += len(response.read()) == 4000
            except http.client.IncompleteRead:
                self.truncated += 1
                break
            if self.complete >= 20:
                self.enough.set()
            if response.will_close or not self._keep_alive:
                connection.close()
                connection = self._connect()
        connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)


@pytest.mark.parametrize("keep_alive", [True, False])
@pytest.mark.parametrize("options", [[], ["--workers", "2"]], ids=["one process", "workers"])
def test_every_request_that_reached_the_app_is_answered(
    options: list[str], keep_alive: bool, serve: Serve
) -> None:
    server: ServerProcess = serve(APP, "--no-access-log", *options)
    clients = [Client(server.port, keep_alive=keep_alive) for _ in range(16)]
    for client in clients:
        client.start()
    for client in clients:
        assert client.enough.wait(30)
    assert server.stop() == -signal.SIGTERM
    for client in clients:
        client.join(30)
        assert not client.is_alive()
    seen = sum(map(int, re.findall(r"the app saw (\d+) requests", server.output)))
    assert sum(client.truncated for client in clients) == 0
    assert sum(client.complete for client in clients) == seen
    assert "ERROR" not in server.output
