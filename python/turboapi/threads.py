"""`--threads N`: N servers in one process, each with its own thread, event loop and listening sockets.

For free-threaded Python, where they run in parallel. The app's lifespan runs once per loop, one loop after
the other; an app made by a factory is made once per loop, any other app object is shared by all of them.
"""

from __future__ import annotations

import contextlib
import copy
import gc
import queue
import signal
import socket
import sys
import sysconfig
import threading
from types import FrameType

from turboapi import sockets as turbo_sockets
from turboapi.config import Config
from turboapi.errors import STARTUP_FAILURE, ConfigError
from turboapi.logging import error_logger, log_process, log_running
from turboapi.server import Server
from turboapi.signals import STOP_SIGNALS, raise_again

_STARTED = object()
_ENDED = object()
_TICK = 0.1


def require_free_threading() -> None:
    """Raise `ConfigError` on a Python whose threads cannot run Python code in parallel."""
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        version = ".".join(map(str, sys.version_info[:3]))
        raise ConfigError(
            f"threads needs a free-threaded Python (3.14t or later); this is Python {version} with the GIL. "
            "Use workers for more than one core here."
        )


class ThreadGroup:
    """Runs `config.threads` servers until one signal stops them all or one of them fails."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._servers: list[_ThreadServer] = []
        self._threads: list[threading.Thread] = []
        # Put from a signal handler, which an Event or a Condition would not survive.
        self._events: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._signals: list[int] = []
        self._exit_code = 0

    def run(self) -> None:
        """Serve on N threads; to be called on the main thread, which coordinates and handles signals.

        Raises `SystemExit(3)` if the app or one of the servers cannot start. A signal that stopped the
        servers is raised again at the end.
        """
        count = self.config.threads or 1
        configs = [copy.copy(self.config) for _ in range(count)]
        previous = {number: signal.signal(number, self._on_signal) for number in STOP_SIGNALS}
        try:
            self._run(configs)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
        if self._exit_code:
            sys.exit(self._exit_code)
        raise_again(self._signals)

    def _run(self, configs: list[Config]) -> None:
        for config in configs:
            config.load()
        _warn_if_the_gil_came_back()
        try:
            bound = turbo_sockets.bind(self.config, len(configs))
        except OSError as error:
            error_logger.error(error)
            sys.exit(STARTUP_FAILURE)
        try:
            for config, sockets in zip(configs, bound, strict=True):
                server = _ThreadServer(config, len(self._servers) + 1, self._events)
                self._servers.append(server)
                thread = threading.Thread(
                    target=self._serve, args=(server, _duplicates(sockets)), name=server.name
                )
                self._threads.append(thread)
                thread.start()
                # One after the other: first use of an app (its middleware stack, its schemas) is not
                # made for several threads at once.
                if not self._wait_for(_STARTED) or self._stopping:
                    break
            else:
                gc.collect()
                gc.freeze()
                log_running(turbo_sockets.describe(self.config, bound[0]))
                self._wait_for(_ENDED)
        finally:
            self._stop(bound)
            turbo_sockets.remove_unix_socket(self.config)

    @property
    def _stopping(self) -> bool:
        return bool(self._signals)

    def _wait_for(self, wanted: object) -> bool:
        """Wait for `wanted` and return true; false if a server ended or a signal came first."""
        while not self._stopping:
            event = self._events.get()
            if event is wanted:
                return True
            if event is _ENDED:
                return False
        return False

    def _stop(self, bound: list[list[socket.socket]]) -> None:
        turbo_sockets.close(bound)
        for server in self._servers:
            server.should_exit = True
        while any(thread.is_alive() for thread in self._threads):
            if len(self._signals) > 1:
                for server in self._servers:
                    server.force_exit = True
            # With a timeout: a thread that has just said that it ended is alive a moment longer.
            with contextlib.suppress(queue.Empty):
                self._events.get(timeout=_TICK)
        for thread in self._threads:
            thread.join()

    def _serve(self, server: _ThreadServer, sockets: list[socket.socket]) -> None:
        try:
            server.run(sockets)
        except SystemExit as error:
            self._exit_code = error.code if isinstance(error.code, int) else 1
        except BaseException:
            error_logger.exception("Server thread %s failed", server.name)
            self._exit_code = 1
        finally:
            self._events.put(_ENDED)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)
        self._events.put(number)


class _ThreadServer(Server):
    def __init__(self, config: Config, number: int, events: queue.SimpleQueue[object]) -> None:
        super().__init__(config)
        self.name = f"turboapi-{number}"
        self._number = number
        self._events = events

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._events.put(_STARTED)

    def log_lifecycle(self, verb: str) -> None:
        log_process(f"{verb} server thread {self._number} of process [%d]")


def _duplicates(sockets: list[socket.socket]) -> list[socket.socket]:
    """A handle of its own for each server, which closes it; threads may share one listening socket."""
    return [sock.dup() for sock in sockets]


def _warn_if_the_gil_came_back() -> None:
    enabled = getattr(sys, "_is_gil_enabled", None)
    if sysconfig.get_config_var("Py_GIL_DISABLED") and enabled is not None and enabled():
        error_logger.warning(
            "An extension module enabled the GIL again, so threads do not run in parallel. "
            "Run with -W error::RuntimeWarning to see which, or with -X gil=0 to keep it off."
        )
