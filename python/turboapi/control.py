"""What a parent process and its workers say to each other.

Each worker has one end of a stream socket pair. The parent first sends a pickled `WorkerSetup`, preceded
by its length, and later single-byte commands; the worker sends `READY` once it serves. The end of the
stream tells each side that the other one is gone.
"""

from __future__ import annotations

import dataclasses
import pickle
import socket
import struct
from typing import Any

from turboapi.errors import ConfigError

READY = b"r"
"""Worker: it accepts connections."""
STOP = b"s"
"""Parent: stop gracefully."""
RELOAD = b"q"
"""Parent: stop without waiting for requests that run; a new worker takes over."""
FORCE = b"f"
"""Parent: stop at once."""

_LENGTH = struct.Struct("!I")


@dataclasses.dataclass(frozen=True)
class WorkerSetup:
    """What a worker needs to know: its import path, the options of its `Config`, its listening sockets."""

    sys_path: list[str]
    options: dict[str, Any]
    socket_fds: list[int]
    freeze_gc: bool
    number: int = 0
    """Which of several workers it is, from 0."""


def encode_setup(setup: WorkerSetup) -> bytes:
    """The first message. Raises `ConfigError` if an option's value cannot be sent to another process."""
    try:
        payload = pickle.dumps(setup)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        names = [name for name, value in setup.options.items() if not _can_be_sent(value)]
        raise ConfigError(
            f"{', '.join(names)} cannot be sent to another process, which workers and reload need: {error}"
        ) from None
    return _LENGTH.pack(len(payload)) + payload


def receive_setup(control: socket.socket) -> WorkerSetup:
    """Read the first message. Raises `EOFError` if the parent is gone."""
    (length,) = _LENGTH.unpack(_receive(control, _LENGTH.size))
    setup = pickle.loads(_receive(control, length))
    assert isinstance(setup, WorkerSetup)
    return setup


def _can_be_sent(value: object) -> bool:
    try:
        pickle.dumps(value)
    except (pickle.PicklingError, TypeError, AttributeError):
        return False
    return True


def _receive(control: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        if not (chunk := control.recv(size - len(data))):
            raise EOFError("the other process is gone")
        data += chunk
    return bytes(data)
