"""Puts load on a server with ``turbo-load``, which compares every response with what is expected."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.servers import BINARIES


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
