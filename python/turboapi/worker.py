"""A worker process: a fresh interpreter that serves sockets it inherited, for `supervisor` and `reload`.

The parent starts `python -m turboapi.worker FD`; FD is the worker's end of the pair that `control` describes.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from types import FrameType

from turboapi.config import Config
from turboapi.control import FORCE, READY, RELOAD, STOP, receive_setup
from turboapi.errors import STARTUP_FAILURE, ConfigError
from turboapi.logging import error_logger
from turboapi.server import Server


class WorkerServer(Server):
    """A server that takes its orders from the parent process.

    SIGINT is ignored because a terminal sends it to the parent too, which then sends `STOP`; SIGTERM ends
    this worker alone.
    """

    def __init__(self, config: Config, control: socket.socket) -> None:
        super().__init__(config)
        self._control = control
        self._reloading = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._control.setblocking(False)
        asyncio.get_running_loop().add_reader(self._control.fileno(), self._obey)
        await super().startup(sockets)
        # A parent that is gone is noticed by `_obey`.
        with contextlib.suppress(OSError):
            self._control.send(READY)

    def handle_exit(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGINT:
            super().handle_exit(number, frame)

    def on_grace_exceeded(self, tasks: int) -> None:
        if self._reloading:
            error_logger.info("Closing %d running request(s) to reload", tasks)
        else:
            super().on_grace_exceeded(tasks)

    def _obey(self) -> None:
        try:
            commands = self._control.recv(64)
        except BlockingIOError:
            return
        except OSError:
            commands = b""
        if not commands:
            asyncio.get_running_loop().remove_reader(self._control.fileno())
            error_logger.error("The parent process is gone, stopping")
            self.should_exit = True
        if RELOAD in commands:
            self._reloading = True
            self.config.timeout_graceful_shutdown = 0
            # Start-up code of the old version need not come to its end.
            self.force_exit = self.force_exit or not self.started
        if STOP in commands or RELOAD in commands:
            self.should_exit = True
        if FORCE in commands:
            self.should_exit = self.force_exit = True


def main() -> None:
    """Entry point of the worker process."""
    # The parent blocks SIGINT around the start, so that a Ctrl-C cannot hit before this line.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    try:
        setup = receive_setup(control)
    except EOFError:
        sys.exit(1)
    sys.path[:] = setup.sys_path
    try:
        config = Config(**setup.options)
    except ConfigError as error:
        error_logger.error(error)
        sys.exit(STARTUP_FAILURE)
    sockets = [socket.socket(fileno=fd) for fd in setup.socket_fds]
    for sock in sockets:
        sock.set_inheritable(False)
    server = WorkerServer(config, control)
    server.freeze_gc = setup.freeze_gc
    server.worker_number = setup.number
    server.run(sockets)


if __name__ == "__main__":
    main()
