"""Metrics in the text formats of Prometheus."""

from __future__ import annotations

import dataclasses
import threading
import weakref
from typing import TYPE_CHECKING, Any, ClassVar

from turboapi.middleware.base import EngineLayer

if TYPE_CHECKING:
    from turboapi.server import Server

_LOCK = threading.Lock()


@dataclasses.dataclass(frozen=True)
class Metrics(EngineLayer):
    """Counts and times of requests, and the state of the server, for Prometheus.

    The page is at `path` of the app's own address, or at /metrics of a port of its own: `port` on `host`.
    Worker processes count for themselves: the first listens on `port`, the next on `port` + 1, and so on;
    `path` reaches whichever worker accepts the connection, so it is for one process. More than `routes`
    routes share a label.
    """

    name: ClassVar[str] = "metrics"

    path: str | None = None
    _: dataclasses.KW_ONLY
    port: int | None = None
    host: str = "127.0.0.1"
    routes: int = 500

    def __post_init__(self) -> None:
        if self.path is not None and not (isinstance(self.path, str) and self.path.startswith("/")):
            raise self._fail(f"path is {self.path!r}; it must be a path such as '/metrics'.")
        if self.port is not None:
            self._check_integer("port", 0, 65535)
        self._check_integer("routes", 1)
        if self.path is None and self.port is None:
            raise self._fail("give a path, a port or both: nobody could read the metrics.")

    def settings(self) -> dict[str, Any]:
        """What the engine gets."""
        return {"path": self.path, "recorder": self.process.recorder}

    @property
    def process(self) -> ProcessMetrics:
        """The metrics of this process, which all servers with this object share."""
        with _LOCK:
            process = self.__dict__.get("_process")
            if not isinstance(process, ProcessMetrics):
                process = ProcessMetrics(self.routes)
                object.__setattr__(self, "_process", process)
        return process

    def __getstate__(self) -> dict[str, Any]:
        return super().settings()


class ProcessMetrics:
    """The recorder of a process and the servers whose state is on its page."""

    def __init__(self, routes: int) -> None:
        # The parent of worker processes needs no engine.
        from turboapi._engine import MetricsRecorder

        self.recorder = MetricsRecorder(routes)
        self._servers: list[weakref.ref[Server]] = []
        self._listening = False
        this = weakref.ref(self)

        def source() -> list[Row]:
            from turboapi.middleware.samples import rows

            process = this()
            return [] if process is None else rows(process.servers())

        self.recorder.add_source(source)

    def servers(self) -> list[Server]:
        """Those that are still there."""
        found = [reference() for reference in list(self._servers)]
        return [server for server in found if server is not None]

    def add(self, server: Server) -> bool:
        """Take a server in; true if it is the one to serve the port."""
        with _LOCK:
            self._servers = [reference for reference in self._servers if reference() is not None]
            self._servers.append(weakref.ref(server))
            first, self._listening = not self._listening, True
        return first

    def remove(self, server: Server) -> None:
        """Let go of a server; the next one to come serves the port if none is left."""
        with _LOCK:
            self._servers = [reference for reference in self._servers if reference() not in (None, server)]
            self._listening = bool(self._servers)


Row = tuple[str, str, str, list[tuple[str, str]], float]
"""Name, help, "gauge" or "counter", labels, value."""
