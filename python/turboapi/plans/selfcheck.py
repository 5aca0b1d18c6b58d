"""The start-up self-check: a reference application answered by FastAPI alone and by its plans.

What the plans know of FastAPI was read from certain versions of it. Where the installed one answers otherwise
(its distributor patched it, for instance), no plan may run.
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from fastapi import FastAPI

from turboapi.plans.application import ApplicationPlans
from turboapi.plans.reference import REQUESTS, Sent, reference_app
from turboapi.plans.versions import distrust

logger = logging.getLogger("uvicorn.error")


class Answer(NamedTuple):
    """What came of one request."""

    status: int | None
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    happened: tuple[str, ...]
    """What the application recorded, and when the response began and ended."""
    error: str | None
    """The exception that left the application."""

    def __str__(self) -> str:
        happened = ", ".join(self.happened)
        return f"{self.status} {dict(self.headers)} {self.body!r} ({happened}) {self.error or ''}".rstrip()


class _State:
    checked = False


async def check_once() -> None:
    """Compare plans with FastAPI, once a process; a difference switches all plans off for good."""
    if _State.checked:
        return
    _State.checked = True
    try:
        difference = await find_difference()
    except Exception as error:
        logger.warning("The self-check of route plans failed; FastAPI serves all routes", exc_info=True)
        distrust(f"the self-check failed: {error!r}")
        return
    if difference is not None:
        logger.warning("Route plans are off, FastAPI serves all routes: %s", difference)
        distrust(difference)


async def find_difference() -> str | None:
    """The first request that the plans of the reference application answer otherwise than FastAPI."""
    happened: list[str] = []
    app = reference_app(happened.append)
    expected = [await _ask(app, request, happened) for request in REQUESTS]
    plans = ApplicationPlans(app, "inline")
    if not plans.table.ensure():
        # Whatever is in the way of its plans will be in the way of the user's.
        return None
    for request, theirs in zip(REQUESTS, expected, strict=True):
        ours = await _ask(app, request, happened)
        if ours != theirs:
            return (
                f"{request.method} {request.path} of the self-check is answered differently. "
                f"FastAPI: {theirs}. Its plan: {ours}"
            )
    return None


async def _ask(app: FastAPI, request: Sent, happened: list[str]) -> Answer:
    happened.clear()
    messages = [{"type": "http.request", "body": request.body, "more_body": False}]
    status: int | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body = b""

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status, headers, body
        if message["type"] == "http.response.start":
            status, headers = message["status"], tuple(map(tuple, message["headers"]))
            happened.append("start")
        else:
            body += message.get("body", b"")
            if not message.get("more_body", False):
                happened.append("end")

    error: str | None = None
    try:
        await app(_scope(request), receive, send)
    except Exception as raised:
        error = repr(raised)
    return Answer(status, headers, body, tuple(happened), error)


def _scope(request: Sent) -> dict[str, Any]:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers]
    if request.body:
        headers.append((b"content-length", str(len(request.body)).encode()))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": request.query.encode(),
        "root_path": "",
        "headers": [(b"host", b"self-check"), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
