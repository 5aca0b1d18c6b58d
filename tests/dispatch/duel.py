"""Runs a request through an app by Starlette alone, and with substitutes for its dispatch functions."""

from __future__ import annotations

import asyncio
import contextvars
import selectors
from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple

from fastapi import FastAPI

from turboapi.plans.application import ApplicationPlans
from turboapi.plans.dispatch.substitute import Substitute

Message = dict[str, Any]
Journal = list[Any]
Make = Callable[[Journal], FastAPI]
Way = Literal["starlette", "substitute", "front"]

VALUE: contextvars.ContextVar[str] = contextvars.ContextVar("value", default="unset")


class Call(NamedTuple):
    """One request."""

    path: str = "/"
    method: str = "GET"
    query: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: tuple[bytes, ...] = (b"",)
    gone_after: int | None = None
    """The client goes away once this many messages were sent to it."""
    cancelled_after: int | None = None
    """The server cancels the request's task once this many messages were sent."""
    fails_after: int | None = None
    """Sending raises OSError from then on."""
    slow: bool = False
    """Sending takes a turn of the loop."""
    spec_version: str = "2.3"


class Outcome(NamedTuple):
    """What can be observed of it."""

    call: Call
    journal: Journal
    """What the app recorded and what it sent, in order."""
    error: Any
    """What left the app."""
    left: int
    """Tasks that were still there."""


class _Leaping(selectors.DefaultSelector):
    """Does not wait for a timer: lets the time pass."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is not None and timeout > 0:
            self.now += timeout
            timeout = 0
        return super().select(timeout)


class _IdleTime(asyncio.SelectorEventLoop):
    """A loop whose time passes only while it has nothing to do, however busy the machine is.

    Timers go off in their order, and none before everybody waits. Threads would be left behind.
    """

    def __init__(self) -> None:
        self._clock = _Leaping()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def run(make: Make, calls: Iterable[Call], way: Way, *, idle_time: bool = False) -> list[Outcome]:
    """Make the app anew and ask it, one request after the other."""
    with asyncio.Runner(loop_factory=_IdleTime if idle_time else None) as runner:
        return runner.run(_run(make, calls, way))


async def _run(make: Make, calls: Iterable[Call], way: Way) -> list[Outcome]:
    journal: Journal = []
    app = make(journal)
    target: Any = app
    if way != "starlette":
        plans = ApplicationPlans(app, "inline")
        assert plans.table.ensure(), plans.reason
        assert plans.stack is not None
        assert any(type(one) is Substitute for one in plans.stack.chain)
        if way == "front":
            target = plans.stack.front or app
    return [await _outcome(target, call, journal) for call in calls]


async def _outcome(target: Any, call: Call, journal: Journal) -> Outcome:
    journal.clear()
    error = await _ask(target, call, journal)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for _ in range(20):
        # What was cancelled needs some turns to end.
        if not others:
            break
        await asyncio.sleep(0)
        others = asyncio.all_tasks() - {asyncio.current_task()}
    for other in others:
        other.cancel()
    if others:
        await asyncio.wait(others)
    return Outcome(call, list(journal), error, len(others))


async def _ask(target: Any, call: Call, journal: Journal) -> Any:
    gone = asyncio.Event()
    parts = list(call.body)
    sent = 0
    tasks: list[asyncio.Task[Any]] = []

    async def receive() -> Message:
        if parts:
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts)}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal sent
        if call.fails_after is not None and sent >= call.fails_after:
            raise OSError("gone")
        journal.append(_plain(message))
        sent += 1
        if sent == call.gone_after:
            gone.set()
        if sent == call.cancelled_after:
            tasks[0].cancel()
        if call.slow:
            await asyncio.sleep(0)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": call.spec_version},
        "http_version": "1.1",
        "method": call.method,
        "scheme": "http",
        "path": call.path,
        "raw_path": call.path.encode(),
        "query_string": call.query,
        "root_path": "",
        "headers": [(b"host", b"testserver"), *call.headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    if call.gone_after == 0:
        gone.set()
    tasks.append(asyncio.ensure_future(_call(target, scope, receive, send)))
    try:
        await asyncio.wait_for(asyncio.shield(tasks[0]), 3)
    except asyncio.CancelledError:
        return "cancelled"
    except BaseException as error:
        return _shape(error)
    return None


async def _call(target: Any, scope: Message, receive: Any, send: Any) -> None:
    await target(scope, receive, send)


def _plain(message: Message) -> Message:
    plain = dict(message)
    if "headers" in plain:
        plain["headers"] = [tuple(pair) for pair in plain["headers"]]
    return plain


def _shape(error: BaseException | None, depth: int = 4) -> Any:
    if error is None or depth == 0:
        return None
    parts = [_shape(one, depth - 1) for one in getattr(error, "exceptions", ())]
    # What cancels is named by its address.
    text = "" if isinstance(error, asyncio.CancelledError) else str(error)
    return [type(error).__name__, text, parts, _shape(error.__cause__, depth - 1)]


def merged(journal: Journal) -> Journal:
    """With a body that was sent in pieces as one that was not, where its length frames it."""
    result: Journal = []
    for entry in journal:
        before = result[-1] if result else None
        if (
            isinstance(entry, dict)
            and isinstance(before, dict)
            and entry.get("type") == before.get("type") == "http.response.body"
            and before.get("more_body")
            and not entry.get("body")
        ):
            result[-1] = {"type": "http.response.body", "body": before["body"]}
        elif isinstance(entry, dict) and entry.get("more_body") is False:
            result.append({key: value for key, value in entry.items() if key != "more_body"})
        else:
            result.append(entry)
    return result


def by_actor(journal: Journal) -> Journal:
    """What the app, each middleware and the client saw, one after the other."""

    def actor(entry: Any) -> int:
        if isinstance(entry, dict):
            return 100
        return entry[0] if isinstance(entry, tuple) and isinstance(entry[0], int) else 99

    return sorted(journal, key=actor)


def duel(make: Make, *calls: Call, races: bool = False, idle_time: bool = False) -> list[Outcome]:
    """Assert that all ways lead to the same outcomes, and return Starlette's.

    With `races`, only the order of what each of them saw. With `idle_time`, whose apps use no threads, what
    waits is never overtaken by a timeout before it waits: Starlette takes more turns to get there.
    """

    def ordered(outcome: Outcome) -> Outcome:
        return outcome._replace(journal=by_actor(outcome.journal)) if races else outcome

    expected = list(map(ordered, run(make, calls, "starlette", idle_time=idle_time)))
    for ours, theirs in zip(
        map(ordered, run(make, calls, "substitute", idle_time=idle_time)), expected, strict=True
    ):
        assert ours == theirs, f"\n{ours}\n{theirs}"
    # There it matters how many messages make up a response.
    uncounted = [call for call in calls if call.fails_after is None and call.cancelled_after is None]
    theirs_uncounted = [one for one in expected if one.call in uncounted]
    fronted = map(ordered, run(make, uncounted, "front", idle_time=idle_time))
    for ours, theirs in zip(fronted, theirs_uncounted, strict=True):
        ours, theirs = (one._replace(journal=merged(one.journal)) for one in (ours, theirs))
        assert ours == theirs, f"\n{ours}\n{theirs}"
    return expected
