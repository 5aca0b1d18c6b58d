"""Puts load on a server with ``turbo-load``, which compares every response with what is expected."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
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
        return encode(
            self.method, self.target, self.body, headers=self.headers, content_type=self.content_type
        )

    def case(self) -> dict[str, Any]:
        """The case of a plan of ``turbo-load``."""
        return {
            "request": text(self.encode()),
            "status": self.status,
            "check": {"exact": text(self.expected)},
        }


def encode(
    method: str,
    target: str,
    body: bytes = b"",
    *,
    headers: Sequence[str] = (),
    content_type: str = "application/json",
) -> bytes:
    """A request on the wire; a body comes with its length."""
    head = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", "Accept: */*", *headers]
    if body:
        head += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode() + body


def text(data: bytes) -> str:
    """Bytes as ``turbo-load`` reads them: a character for each."""
    return data.decode("latin-1")


def plan_server(port: int, watch: Sequence[int] = (), **more: Any) -> dict[str, Any]:
    """A server of a plan, the processes whose CPU time is read, and its own further fields."""
    return {"address": f"127.0.0.1:{port}", "watch": list(watch), **more}


def run_plan(plan: dict[str, Any], *, core: int | None = 1) -> list[dict[str, Any]]:
    """Runs one client process; the plan and the results, one a server, are what ``turbo-load`` documents."""
    with tempfile.NamedTemporaryFile("w", prefix="turbo-load-", suffix=".json") as file:
        json.dump(plan, file)
        file.flush()
        done = subprocess.run(
            [str(BINARIES / "turbo-load"), file.name],
            stdout=subprocess.PIPE,
            check=True,
            preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
        )
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return results


class NoAnswerError(RuntimeError):
    """A load was over before the first answer."""


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
    plan = {
        "servers": [plan_server(port)],
        "connections": connections,
        "seconds": seconds,
        "sleep": sleep,
        "cases": [request.case()],
    }
    (result,) = run_plan(plan, core=core)
    return checked(request.name, result)


def checked(name: str, result: dict[str, Any]) -> dict[str, Any]:
    """The result of a server; raises unless it has answered, and every response was right."""
    if result.get("error") or result["wrong"] or result["failed"]:
        raise RuntimeError(f"{name}: not every response was right: {result}")
    if not result["requests"]:
        raise NoAnswerError(f"{name}: not one response in {result['seconds']:g} s: {result}")
    return result


def warm_up(
    process: Running, request: Request, *, connections: int, core: int | None = 1, sleep: bool = False
) -> None:
    """Sends at least `WARM_REQUESTS` requests, and goes on while they still become cheaper.

    A server may take a while to learn where a sync handler runs best, longer on a busy machine.
    """
    sent, last = 0, float("inf")
    seconds = _SLICE
    for _ in range(_SLICES):
        before = process.cpu_seconds()
        try:
            answered = load(
                process.port, request, connections=connections, seconds=seconds, core=core, sleep=sleep
            )["requests"]
        except NoAnswerError:
            # All connections ask at once, and a server may read all of their bodies before it answers one.
            seconds *= 2
            continue
        cost = (process.cpu_seconds() - before) / answered
        sent += answered
        if sent >= WARM_REQUESTS and cost > last * 0.85:
            return
        last = cost
