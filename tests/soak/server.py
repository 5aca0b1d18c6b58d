"""The server under test as a process."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = os.sysconf("SC_PAGE_SIZE")
COMMANDS = {"turboapi": ["-m", "turboapi", "run"], "uvicorn": ["-m", "uvicorn"]}
ALARMING = re.compile(r"Traceback|ERROR|CRITICAL|panicked|was never|never awaited|Task exception")


class SoakServer:
    """A running server; it accepts connections as soon as this exists."""

    def __init__(self, kind: str, directory: Path) -> None:
        self.baseline: dict[str, Any] = {}
        self.report = directory / "report"
        self._log = directory / "log"
        # An inherited socket: connections that come too early wait in its backlog.
        listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = listener.getsockname()[1]
        with self._log.open("wb") as log, listener:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, *COMMANDS[kind], "tests.soak.app:app"),
                    *("--fd", str(listener.fileno()), "--no-access-log", "--log-level", "warning"),
                ],
                cwd=ROOT,
                env={**os.environ, "SOAK_REPORT": str(self.report)},
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[listener.fileno()],
            )

    def rss(self) -> int:
        """Resident bytes."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * PAGE

    def descriptors(self) -> int:
        """Open file descriptors."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def output(self) -> str:
        """What it wrote so far."""
        return self._log.read_text()

    def alarming_output(self) -> str:
        """Its whole output if a line of it should not be there."""
        return self.output() if ALARMING.search(self.output()) else ""


@contextlib.contextmanager
def serving(kind: str) -> Iterator[SoakServer]:
    """A server that is stopped, by force if need be."""
    with tempfile.TemporaryDirectory(prefix="soak-") as directory:
        server = SoakServer(kind, Path(directory))
        try:
            yield server
        finally:
            if server.process.poll() is None:
                server.process.terminate()
                deadline = time.monotonic() + 10
                while server.process.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.05)
                server.process.kill()
            server.process.wait()
