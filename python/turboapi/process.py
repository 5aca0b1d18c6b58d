"""The parent's side of worker processes: starting them, commanding them, waiting for them and for signals."""

from __future__ import annotations

import contextlib
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from typing import Self

from turboapi.config import Config
from turboapi.control import READY, WorkerSetup, encode_setup
from turboapi.errors import STARTUP_FAILURE
from turboapi.signals import STOP_SIGNALS


class WorkerProcess:
    """One worker process. `ready` becomes true when it has said that it accepts connections."""

    def __init__(
        self, config: Config, sockets: list[socket.socket], *, number: int = 0, freeze_gc: bool = True
    ) -> None:
        """Start it; it inherits `sockets` and the environment, and imports everything afresh.

        `number` tells it from its siblings; who replaces it gets the same.

        Raises `OSError`, or `ConfigError` if an option cannot be sent to another process.
        """
        self.ready = False
        fds = [sock.fileno() for sock in sockets]
        options = config.options() | {
            "reload": False,
            "reload_dirs": None,
            "reload_includes": None,
            "reload_excludes": None,
            "workers": 1,
        }
        setup = encode_setup(WorkerSetup(sys.path[:], options, fds, freeze_gc, number))
        self.control, child_end = socket.socketpair()
        with child_end, _blocked(signal.SIGINT):
            self._process = subprocess.Popen(
                [sys.executable, *_interpreter_flags(), "-m", "turboapi.worker", str(child_end.fileno())],
                pass_fds=[child_end.fileno(), *fds],
            )
        # One that is dead already is found by its exit code.
        with contextlib.suppress(OSError):
            self.control.sendall(setup)
        self.control.setblocking(False)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative if a signal ended it (the signal's number)."""
        return self._process.poll()

    @property
    def failed_to_start(self) -> bool:
        """It ended by itself before it was ready, or said that the app cannot start."""
        code = self.exit_code
        return code == STARTUP_FAILURE or (not self.ready and code is not None and code >= 0)

    def send(self, command: bytes) -> None:
        """Send a command of `control`; a worker that is gone is not an error."""
        with contextlib.suppress(OSError):
            self.control.send(command)

    def read_control(self) -> bool:
        """Take in what it has sent; False if it will send nothing more."""
        try:
            data = self.control.recv(64)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.ready = self.ready or READY in data
        return bool(data)

    def kill(self) -> None:
        """End it with SIGKILL, if it still runs."""
        self._process.kill()

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises `subprocess.TimeoutExpired`."""
        return self._process.wait(timeout)

    def close(self) -> None:
        """Let go of the control socket."""
        self.control.close()


def describe_exit(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


class ParentWait:
    """Waits, without polling, for signals to the parent and for readable sockets.

    A context manager: inside it SIGINT, SIGTERM and SIGCHLD are delivered as return values of `wait`.
    """

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def __enter__(self) -> Self:
        self.selector.register(self._reader, selectors.EVENT_READ)
        self._previous = {
            number: signal.signal(number, lambda _number, _frame: None)
            for number in (*STOP_SIGNALS, signal.SIGCHLD)
        }
        self._previous_fd = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(self, *_exc: object) -> None:
        signal.set_wakeup_fd(self._previous_fd)
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self.selector.close()
        self._reader.close()
        self._writer.close()

    def watch(self, worker: WorkerProcess) -> None:
        """Wake up for what this worker sends."""
        self.selector.register(worker.control, selectors.EVENT_READ, worker)

    def forget(self, worker: WorkerProcess) -> None:
        """The opposite of `watch`; needed before `worker.close()`."""
        with contextlib.suppress(KeyError, ValueError):
            self.selector.unregister(worker.control)

    def wake(self) -> None:
        """Make `wait` return; for other threads."""
        with contextlib.suppress(OSError):
            self._writer.send(b"\0")

    def wait(self, timeout: float | None = None) -> list[signal.Signals]:
        """Wait for something to happen and return the stop signals that arrived, in order."""
        for key, _ in self.selector.select(timeout):
            if isinstance(key.data, WorkerProcess) and not key.data.read_control():
                self.forget(key.data)
        received: list[signal.Signals] = []
        with contextlib.suppress(BlockingIOError):
            while data := self._reader.recv(512):
                received += [signal.Signals(number) for number in data if number in STOP_SIGNALS]
        return received


@contextlib.contextmanager
def _blocked(number: signal.Signals) -> Generator[None, None, None]:
    """Block a signal; a process started meanwhile begins with it blocked."""
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def _interpreter_flags() -> list[str]:
    """The interpreter's own options (-O, -W, -X ...), which `multiprocessing` hands on the same way."""
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return flags
