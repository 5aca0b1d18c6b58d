"""Puts load on a server with ``turbo-load``, which compares every response with what is expected."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.servers import BINARIES, Running

WARM_REQUESTS = 2_000
_SLICE = 0.4
_SLICES = 12


@dataclass(frozen=True)
class Request:
    """A request and the one body that is right."""

    name: str
    app: str
    method: str
    target: str
    expected: bytes
    body: bytes = b""
    headers: tuple[str, ...] = ()
    """Further header lines."""
    content_type: str = "application/json"
    status: int = 200

    def encode(self) -> bytes:
        """The bytes on the wire."""
        head = [f"{self.method} {self.target} HTTP/1.1", "Host: 127.0.0.1", "Accept: */*", *self.headers]
        if self.body:
            head += [f"Content-Type: {self.content_type}", f"Content-Length: {len(self.body)}"]
        return "\r\n".join([*head, "", ""]).encode() + self.body


def load(
    port: int,
    request: Request,
    *,
    connections: int,
    seconds: float,
    core: int | None = 1,
    sleep: bool = False,
) -> dict[str, Any]:
    """Runs one client process; raises unless every response was right.

    The client waits in the kernel only with ``sleep``. The result is what ``turbo-load`` documents.
    """
    with tempfile.TemporaryDirectory() as directory:
        sent, expected = Path(directory, "request"), Path(directory, "expected")
        sent.write_bytes(request.encode())
        expected.write_bytes(request.expected)
        command = [
            str(BINARIES / "turbo-load"),
            *(["--sleep"] if sleep else []),
            f"127.0.0.1:{port}",
            str(connections),
            str(seconds),
            str(sent),
            str(expected),
            str(request.status),
        ]
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            check=True,
            preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
        )
    result: dict[str, Any] = json.loads(done.stdout)
    if result["wrong"] or result["failed"] or not result["requests"]:
        raise RuntimeError(f"{request.name}: not every response was right: {result}")
    return result


def warm_up(
    process: Running, request: Request, *, connections: int, core: int | None = 1, sleep: bool = False
) -> None:
    """Sends at least `WARM_REQUESTS` requests, and goes on while they still become cheaper.

    A server may take a while to learn where a sync handler runs best, longer on a busy machine.
    """
    sent, last = 0, float("inf")
    for _ in range(_SLICES):
        before = process.cpu_seconds()
        answered = load(
            process.port, request, connections=connections, seconds=_SLICE, core=core, sleep=sleep
        )["requests"]
        cost = (process.cpu_seconds() - before) / answered
        sent += answered
        if sent >= WARM_REQUESTS and cost > last * 0.85:
            return
        last = cost
