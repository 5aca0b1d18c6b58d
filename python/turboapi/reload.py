"""`turboapi dev` and `--reload`: a worker process that is replaced whenever a file changes.

The parent binds the socket once and never imports the app; requests that arrive during a reload wait in
the socket's queue for the new worker.
"""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from turboapi import sockets as turbo_sockets
from turboapi.config import Config
from turboapi.control import FORCE, RELOAD, STOP
from turboapi.errors import STARTUP_FAILURE, ConfigError
from turboapi.logging import error_logger, log_process, log_running
from turboapi.process import ParentWait, WorkerProcess, describe_exit
from turboapi.signals import raise_again

_RELOAD_GRACE = 10.0
"""Seconds a worker has to stop for a reload before it is killed."""
_FORCE_GRACE = 2.0
"""Seconds a worker has to stop when forced before it is killed."""

_WATCH_GRACE = 5.0

_INCLUDES = ("*.py",)
_EXCLUDES = (".*", ".py[cod]", ".sw.*", "~*")


class ReloadFilter:
    """Which directories to watch and which of their files count (uvicorn's rules and defaults).

    A pattern of `reload_includes` or `reload_excludes` is matched from the right of a path, as by
    `Path.match`; one that matches directories stands for them too. Giving a default pattern on the
    other side takes it out.
    """

    def __init__(self, config: Config) -> None:
        includes, excludes = _listed(config.reload_includes), _listed(config.reload_excludes)
        include_dirs = {path for pattern in includes for path in _directories(pattern)}
        exclude_dirs = {path for pattern in excludes for path in _directories(pattern)}
        for name in _listed(config.reload_dirs):
            if not Path(name).is_dir():
                raise ConfigError(f"reload_dirs: there is no directory {name!r}.")
            include_dirs.add(Path(name).resolve())
        wanted = {path for path in include_dirs if not _inside(path, exclude_dirs)} or {Path.cwd()}
        self.directories = sorted(path for path in wanted if not _inside(path, wanted - {path}))
        self._exclude_dirs = exclude_dirs
        self._includes = [*(p for p in _INCLUDES if p not in excludes), *includes]
        self._excludes = [*(p for p in _EXCLUDES if p not in includes), *excludes]

    def __call__(self, path: Path) -> bool:
        """Whether a change of the file `path` (absolute) is a reason to reload."""
        if path.name in self._includes:
            return True
        return (
            any(path.match(pattern) for pattern in self._includes)
            and not _inside(path, self._exclude_dirs)
            and not any(path.match(pattern) for pattern in self._excludes)
        )


class Reloader:
    """Runs one worker and replaces it on changes, until it is told to stop."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._filter = ReloadFilter(config)
        self._signals: list[signal.Signals] = []
        self._worker: WorkerProcess | None = None
        self._sockets: list[socket.socket] = []
        self._announced = False
        self._restart = False
        self._kill_at: float | None = None

    def run(self) -> None:
        """Return when the worker has ended after a signal, which is raised again.

        Raises `SystemExit(3)` if the socket cannot be bound, `ConfigError` without the package watchfiles.
        """
        watcher = _Watcher(self._filter, self.config.reload_delay)
        try:
            [self._sockets] = turbo_sockets.bind(self.config)
        except OSError as error:
            error_logger.error(error)
            sys.exit(STARTUP_FAILURE)
        directories = [str(directory) for directory in self._filter.directories]
        error_logger.info("Will watch for changes in these directories: %s", directories)
        log_process("Started reloader process [%d] using WatchFiles")
        try:
            with ParentWait() as parent:
                watcher.start(parent)
                try:
                    self._supervise(parent, watcher)
                finally:
                    watcher.stop()
        finally:
            turbo_sockets.close([self._sockets])
            turbo_sockets.remove_unix_socket(self.config)
        log_process("Stopping reloader process [%d]")
        raise_again(self._signals)

    def _supervise(self, parent: ParentWait, watcher: _Watcher) -> None:
        self._start(parent)
        while self._worker is not None or not self._signals:
            timeout = None if self._kill_at is None else max(0.0, self._kill_at - time.monotonic())
            for number in parent.wait(timeout):
                self._on_signal(number)
            self._announce()
            if (changes := watcher.take()) and not self._signals:
                names = ", ".join(f"'{_display(path)}'" for path in sorted(changes))
                error_logger.warning("WatchFiles detected changes in %s. Reloading...", names)
                self._reload()
            if self._worker is not None and self._worker.exit_code is not None:
                self._on_exit(parent, self._worker, self._worker.exit_code)
            if self._worker is None and self._restart and not self._signals:
                self._start(parent)
            if self._worker is not None and self._kill_at is not None and time.monotonic() >= self._kill_at:
                self._kill_at = None
                error_logger.error("Child process [%d] did not stop in time, killing it", self._worker.pid)
                self._worker.kill()

    def _start(self, parent: ParentWait) -> None:
        self._restart = False
        self._kill_at = None
        self._worker = WorkerProcess(self.config, self._sockets, freeze_gc=False)
        parent.watch(self._worker)

    def _announce(self) -> None:
        if not self._announced and not self._signals and self._worker is not None and self._worker.ready:
            self._announced = True
            log_running(turbo_sockets.describe(self.config, self._sockets))

    def _reload(self) -> None:
        if self._worker is not None and not self._restart:
            self._worker.send(RELOAD)
            self._kill_at = time.monotonic() + _RELOAD_GRACE
        self._restart = True

    def _on_signal(self, number: signal.Signals) -> None:
        self._signals.append(number)
        if len(self._signals) == 1:
            turbo_sockets.close([self._sockets])
            if self._worker is not None:
                self._worker.send(STOP)
        elif len(self._signals) == 2 and self._worker is not None:
            self._worker.send(FORCE)
            self._kill_at = time.monotonic() + _FORCE_GRACE

    def _on_exit(self, parent: ParentWait, worker: WorkerProcess, code: int) -> None:
        parent.forget(worker)
        worker.close()
        self._worker = None
        self._kill_at = None
        if not self._restart and not self._signals:
            error_logger.warning(
                "Child process [%d] ended (%s); it is started again after the next change",
                worker.pid,
                describe_exit(code),
            )


class _Watcher:
    """Collects changed paths on a thread of its own."""

    def __init__(self, accepts: ReloadFilter, delay: float) -> None:
        try:
            import watchfiles
        except ImportError:
            raise ConfigError("Reloading needs watchfiles: pip install 'turboapi[dev]'") from None
        self._accepts = accepts
        self._stop = threading.Event()
        self._changes: set[Path] = set()
        self._lock = threading.Lock()
        # `step` is how long watchfiles waits for quiet after a change, in milliseconds.
        self._watch = watchfiles.watch(
            *accepts.directories,
            watch_filter=None,
            step=max(1, int(delay * 1000)),
            stop_event=self._stop,
            raise_interrupt=False,
            ignore_permission_denied=True,
        )

    def start(self, parent: ParentWait) -> None:
        """Watch, and wake `parent` for each change that counts."""
        self._thread = threading.Thread(target=self._run, args=(parent,), name="turboapi-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; watchfiles looks at the event after each of its steps."""
        self._stop.set()
        self._thread.join(_WATCH_GRACE)

    def take(self) -> set[Path]:
        """The paths that changed since the last call."""
        with self._lock:
            changes, self._changes = self._changes, set()
        return changes

    def _run(self, parent: ParentWait) -> None:
        for batch in self._watch:
            paths = {path for _, name in batch if self._accepts(path := Path(name))}
            if paths:
                with self._lock:
                    self._changes |= paths
                parent.wake()


def _listed(value: Iterable[str] | str | None) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def _directories(pattern: str) -> list[Path]:
    """The existing directories that a pattern names, from the current one."""
    # As a glob, ".*" would name every hidden directory where only hidden files are meant.
    if pattern == ".*":
        return []
    named = Path(pattern)
    found = [named] if named.is_absolute() else Path.cwd().glob(pattern)
    return [path.resolve() for path in found if path.is_dir()]


def _inside(path: Path, directories: Iterable[Path]) -> bool:
    return any(directory == path or directory in path.parents for directory in directories)


def _display(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
