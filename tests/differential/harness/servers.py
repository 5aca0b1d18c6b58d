"""Servers under test, as subprocesses on an inherited listening socket."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .wire import Closed, Connection, Hung

#: What goes to `--app-dir`.
APP_DIR = Path(__file__).resolve().parent.parent

#: Command line of each server, to which the app and the options of uvicorn's CLI are appended.
COMMANDS: dict[str, list[str]] = {
    "uvicorn": [sys.executable, "-m", "uvicorn", "--http", "httptools", "--loop", "uvloop"],
    "uvicorn-asyncio": [sys.executable, "-m", "uvicorn", "--http", "httptools", "--loop", "asyncio"],
    "uvicorn-h11": [sys.executable, "-m", "uvicorn", "--http", "h11", "--loop", "asyncio"],
    "turboapi": [sys.executable, "-m", "turboapi", "run"],
}


@dataclass(frozen=True)
class AppSpec:
    """How an app of the table is served."""

    target: str
    options: tuple[str, ...] = ()
    unix: bool = False
    #: The module that the app needs and that may be missing.
    needs: str | None = None
    app_dir: Path = APP_DIR


#: The apps of the table. One process each and server.
SPECS: dict[str, AppSpec] = {
    "echo": AppSpec("apps.scope_echo:app"),
    "echo-root-path": AppSpec("apps.scope_echo:app", ("--root-path", "/api/v1")),
    "echo-bare": AppSpec(
        "apps.scope_echo:app",
        (
            "--no-server-header",
            "--no-date-header",
            "--no-proxy-headers",
            "--header",
            "X-Default: one",
            "--lifespan",
            "off",
        ),
    ),
    "echo-any-proxy": AppSpec("apps.scope_echo:app", ("--forwarded-allow-ips", "*")),
    "echo-unix": AppSpec("apps.scope_echo:app", ("--lifespan", "on"), unix=True),
    "protocol": AppSpec("apps.protocol:app"),
    "impatient": AppSpec("apps.protocol:app", ("--timeout-keep-alive", "1")),
    "limited": AppSpec("apps.protocol:app", ("--limit-concurrency", "1")),
    "websocket": AppSpec("apps.ws_app:app"),
    "websocket-small": AppSpec("apps.ws_app:app", ("--ws-max-size", "64")),
    "fastapi": AppSpec("apps.fastapi_app:app"),
    "starlette": AppSpec("apps.starlette_app:app"),
    "django": AppSpec("apps.django_app:app", needs="django"),
    "litestar": AppSpec("apps.litestar_app:app", needs="litestar"),
}


class Server:
    """A running server of one app. Use as a context manager."""

    def __init__(self, kind: str, app: str, spec: AppSpec | None = None) -> None:
        self.kind, self.app = kind, app
        spec = spec or SPECS[app]
        self._directory = tempfile.TemporaryDirectory(prefix="differential-")
        directory = Path(self._directory.name)
        self.stderr_path, self.stdout_path = directory / "stderr", directory / "stdout"
        self.address: tuple[str, int] | str
        if spec.unix:
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.address = str(directory / "socket")
            listener.bind(self.address)
        else:
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            listener.bind(("127.0.0.1", 0))
            # Accepted sockets inherit it: uvicorn takes an inherited socket for AF_UNIX and leaves Nagle on.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.address = ("127.0.0.1", int(listener.getsockname()[1]))
        listener.listen(256)
        command = [
            *COMMANDS[kind],
            "--app-dir",
            str(spec.app_dir),
            "--fd",
            str(listener.fileno()),
            *spec.options,
            spec.target,
        ]
        # One hash seed: the Allow header of a 405 is made from a set (FASTAPI_INTERNALS section 1.1).
        environment = {**os.environ, "PYTHONHASHSEED": "0", "NO_COLOR": "1"}
        with self.stderr_path.open("wb") as stderr, self.stdout_path.open("wb") as stdout:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                pass_fds=[listener.fileno()],
                env=environment,
                cwd=directory,
            )
        listener.close()
        self._output: tuple[str, str] | None = None
        self._log_offset = 0
        self._marks = 0

    @property
    def port(self) -> int:
        """The TCP port, 0 for a Unix socket."""
        return self.address[1] if isinstance(self.address, tuple) else 0

    def wait(self, seconds: float = 30.0) -> None:
        """Until the app answers, or has failed to start."""
        # The socket listens already, so the first request waits in its backlog: no polling, no sleep.
        connection = Connection(self.address)
        connection.set_timeout(seconds)
        try:
            connection.send(b"GET /probe HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n")
            connection.read_head()
        except (Closed, Hung) as error:
            raise RuntimeError(
                f"{self.kind} did not start {self.app}:\n{self.stderr_path.read_text()}"
            ) from error
        finally:
            connection.close()

    def ask(self, target: str) -> bytes:
        """A request on a connection of its own; its body."""
        connection = Connection(self.address)
        try:
            connection.send(b"GET %s HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n" % target.encode())
            return connection.read_response(method=b"GET").body
        finally:
            connection.close()

    def take_log(self) -> list[str]:
        """The error log since the last call: first line of each record, last line of each traceback."""
        self._marks += 1
        mark = f"differential-mark-{self._marks}"
        self.ask(f"/mark?text={mark}")
        text = ""
        # The marker goes through the same handlers, so the file holds it before or shortly after the answer.
        for _ in range(2000):
            with self.stderr_path.open("rb") as file:
                file.seek(self._log_offset)
                text = file.read().decode("utf-8", "replace")
            if mark in text:
                break
            self.ask("/probe")
        end = text.find(mark)
        line_end = text.find("\n", end) + 1
        self._log_offset += len(text[:line_end].encode())
        return _records(text[: max(end, 0)])

    def stop(self) -> tuple[str, str]:
        """SIGTERM, then what was written to stdout and stderr. May be called again."""
        if self._output is not None:
            return self._output
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._output = (
            self.stdout_path.read_text(errors="replace"),
            self.stderr_path.read_text(errors="replace"),
        )
        self._directory.cleanup()
        return self._output

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _records(text: str) -> list[str]:
    records: list[str] = []
    last = ""
    in_traceback = False
    for line in text.splitlines():
        if line.startswith(("ERROR:", "WARNING:", "CRITICAL:")):
            if in_traceback and last:
                records.append(last)
            in_traceback = False
            records.append(line)
        elif line.startswith("INFO:"):
            if in_traceback and last:
                records.append(last)
            in_traceback = False
        elif line.startswith("Traceback"):
            in_traceback = True
        if line.strip() and not line.startswith((" ", "\t")):
            last = line
    if in_traceback and last:
        records.append(last)
    return records
