"""Servers as real processes, for tests that need signals, exit codes and logs."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

DEADLINE = 30.0
"""Seconds after which a condition that has to come true has failed."""


class ServerProcess:
    """A process whose output is read as it comes; `wait_for` waits for a line of it."""

    def __init__(
        self,
        arguments: Sequence[str],
        cwd: Path,
        env: dict[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        ours = ("TURBOAPI_", "UVICORN_", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._at_end = False
        self._connections: list[socket.socket] = []
        self.cwd = cwd
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=cwd,
            env=environment | {"PYTHONUNBUFFERED": "1"} | (env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=pass_fds,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._at_end = True
            self._changed.notify_all()

    @property
    def output(self) -> str:
        """Everything written so far."""
        with self._changed:
            return "".join(self._lines)

    def wait_for(self, pattern: str, *, count: int = 1) -> re.Match[str]:
        """The `count`-th match of `pattern` in the output, once it is there."""
        deadline = time.monotonic() + DEADLINE
        with self._changed:
            while True:
                matches = list(re.finditer(pattern, "".join(self._lines)))
                if len(matches) >= count:
                    return matches[count - 1]
                left = deadline - time.monotonic()
                if left <= 0 or self._at_end:
                    raise AssertionError(f"no {pattern!r} in:\n{''.join(self._lines)}")
                self._changed.wait(left)

    @property
    def port(self) -> int:
        """The port it says it runs on."""
        return int(self.wait_for(r"running on http://\S+?:(\d+) ")[1])

    def started(self) -> ServerProcess:
        """Wait until it serves."""
        self.wait_for(r"Application startup complete")
        self.wait_for(r"running on")
        return self

    def connect(self) -> socket.socket:
        """A new connection to it, closed with it at the latest."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE)
        self._connections.append(connection)
        return connection

    def send_request(self, path: str) -> socket.socket:
        """Send a GET request and leave its answer on the connection."""
        connection = self.connect()
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        return connection

    def get(self, path: str = "/") -> str:
        """The body of a GET request on a connection of its own."""
        return self.request("GET", path)[1]

    def request(self, method: str, path: str = "/") -> tuple[int, str]:
        """Status and body of a request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE)
        with contextlib.closing(connection):
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        self.process.send_signal(number)

    def send_signal_to_group(self, number: signal.Signals) -> None:
        """Send a signal to it and all its children, as a terminal does for Ctrl-C."""
        os.killpg(self.process.pid, number)

    def wait(self) -> int:
        """Its exit code, once it has ended and its output is read."""
        code = self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        return code

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        self.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """End it and everything it started."""
        for connection in self._connections:
            connection.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join(DEADLINE)
        if self.process.stdout is not None:
            self.process.stdout.close()


def wait_until(condition: Callable[[], Any], what: str = "the condition") -> Any:
    """The first true result of `condition`, which is asked again and again."""
    deadline = time.monotonic() + DEADLINE
    while not (result := condition()):
        assert time.monotonic() < deadline, f"{what} did not come true"
        # Yields the processor between two looks; what is waited for is the condition.
        time.sleep(0.01)
    return result


def receive_until(connection: socket.socket, marker: bytes) -> bytes:
    """Read from a connection up to and with `marker`."""
    data = b""
    while marker not in data:
        chunk = connection.recv(65536)
        assert chunk, f"the connection ended before {marker!r}: {data!r}"
        data += chunk
    return data


def receive_all(connection: socket.socket) -> bytes:
    """Read from a connection until its end, an abortive one included."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65536):
            data += chunk
    return data
