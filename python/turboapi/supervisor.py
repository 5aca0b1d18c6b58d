"""`--workers N`: a parent process that binds the sockets and keeps N worker processes serving them.

The parent never imports the app. It keeps every socket open, so connections that queue up while a worker
is being replaced are served by its replacement.
"""

from __future__ import annotations

import dataclasses
import signal
import socket
import sys
import time

from turboapi import sockets as turbo_sockets
from turboapi.config import Config
from turboapi.control import FORCE, STOP
from turboapi.errors import STARTUP_FAILURE
from turboapi.logging import error_logger, log_process, log_running
from turboapi.process import ParentWait, WorkerProcess, describe_exit
from turboapi.signals import raise_again

_FORCE_GRACE = 2.0
"""Seconds between telling workers to stop at once and killing them."""
_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0


@dataclasses.dataclass(eq=False)
class _Slot:
    sockets: list[socket.socket]
    worker: WorkerProcess | None = None
    restart_at: float = 0.0
    delay: float = 0.0


class Supervisor:
    """Runs `config.workers` workers until it is told to stop, or one of them cannot start."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._slots: list[_Slot] = []
        self._signals: list[signal.Signals] = []
        self._stopping = False
        self._failed = False
        self._announced = False
        self._kill_at: float | None = None

    def run(self) -> None:
        """Return when every worker has ended.

        Raises `SystemExit(3)` if the sockets cannot be bound or a worker cannot start. A signal that stopped
        the workers is raised again at the end.
        """
        try:
            bound = turbo_sockets.bind(self.config, self.config.workers or 1)
        except OSError as error:
            error_logger.error(error)
            sys.exit(STARTUP_FAILURE)
        self._slots = [_Slot(sockets) for sockets in bound]
        log_process("Started parent process [%d]")
        try:
            with ParentWait() as parent:
                self._supervise(parent)
        finally:
            turbo_sockets.close(bound)
            turbo_sockets.remove_unix_socket(self.config)
        log_process("Stopping parent process [%d]")
        if self._failed:
            sys.exit(STARTUP_FAILURE)
        raise_again(self._signals)

    def _supervise(self, parent: ParentWait) -> None:
        for slot in self._slots:
            self._start(parent, slot)
        while any(slot.worker for slot in self._slots) or not self._stopping:
            for number in parent.wait(self._seconds_to_wait()):
                self._on_signal(number)
            self._announce()
            for slot in self._slots:
                if slot.worker is not None and slot.worker.exit_code is not None:
                    self._on_exit(parent, slot, slot.worker, slot.worker.exit_code)
                if slot.worker is None and not self._stopping and slot.restart_at <= time.monotonic():
                    self._start(parent, slot)
            if self._kill_at is not None and time.monotonic() >= self._kill_at:
                self._kill_at = None
                for worker in self._workers():
                    error_logger.error("Killing child process [%d]", worker.pid)
                    worker.kill()

    def _workers(self) -> list[WorkerProcess]:
        return [slot.worker for slot in self._slots if slot.worker is not None]

    def _seconds_to_wait(self) -> float | None:
        times = [slot.restart_at for slot in self._slots if slot.worker is None and not self._stopping]
        if self._kill_at is not None:
            times.append(self._kill_at)
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _start(self, parent: ParentWait, slot: _Slot) -> None:
        slot.worker = WorkerProcess(self.config, slot.sockets, number=self._slots.index(slot))
        parent.watch(slot.worker)

    def _on_signal(self, number: signal.Signals) -> None:
        self._signals.append(number)
        if not self._stopping:
            error_logger.info("Received %s, exiting.", number.name)
            self._stop()
        elif self._kill_at is None:
            error_logger.info("Received %s again, forcing the exit.", number.name)
            self._kill_at = time.monotonic() + _FORCE_GRACE
            for worker in self._workers():
                worker.send(FORCE)

    def _stop(self) -> None:
        self._stopping = True
        # A worker accepts what is queued before it lets go of its socket; the queue must end with it.
        turbo_sockets.close([slot.sockets for slot in self._slots])
        for worker in self._workers():
            worker.send(STOP)

    def _announce(self) -> None:
        if not self._announced and not self._stopping and any(worker.ready for worker in self._workers()):
            self._announced = True
            log_running(turbo_sockets.describe(self.config, self._slots[0].sockets))

    def _on_exit(self, parent: ParentWait, slot: _Slot, worker: WorkerProcess, code: int) -> None:
        worker.read_control()
        parent.forget(worker)
        worker.close()
        slot.worker = None
        if self._stopping:
            return
        if worker.failed_to_start:
            error_logger.error(
                "Child process [%d] failed to start (%s), stopping the parent process.",
                worker.pid,
                describe_exit(code),
            )
            self._failed = True
            self._stop()
            return
        # One that dies before it serves would otherwise be restarted in a tight loop.
        slot.delay = 0.0 if worker.ready else min(max(_FIRST_DELAY, slot.delay * 2), _LONGEST_DELAY)
        slot.restart_at = time.monotonic() + slot.delay
        error_logger.error("Child process [%d] died (%s), replacing it", worker.pid, describe_exit(code))
