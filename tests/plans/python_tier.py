"""Runs requests through an app twice: by FastAPI alone, and with plans of the python tier in its routes."""

from __future__ import annotations

import asyncio
import contextvars
import re
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import fastapi.routing
from fastapi import FastAPI, Request
from fastapi.dependencies.utils import request_body_to_args, request_params_to_args
from fastapi.routing import APIRoute, iter_route_contexts

from turboapi.plans.dependencies import Program, compile_program
from turboapi.plans.handlers import HandlerFacts, handler_facts
from turboapi.plans.native import compile_extractor
from turboapi.plans.python_plan import ExtractorLike, PythonPlan, compile_python_plan
from turboapi.plans.reasons import NotPlannable

Message = dict[str, Any]


class Call(NamedTuple):
    """One request."""

    path: str = "/"
    method: str = "GET"
    query: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: tuple[bytes, ...] = (b"",)
    disconnects: bool = False
    """Whether the client is gone once the body was read, before it is complete."""
    fails_on: str | None = None
    """The type of the message whose sending raises OSError."""

    @classmethod
    def json(cls, path: str, text: bytes | str, method: str = "POST", **others: Any) -> Call:
        """A request with a JSON body."""
        body = text.encode() if isinstance(text, str) else text
        return cls(path, method, headers=((b"content-type", b"application/json"),), body=(body,), **others)


class Outcome(NamedTuple):
    """What can be observed of one request, in the order in which it happened."""

    happened: list[Any]
    """What the app recorded, and the messages it sent."""
    error: str | None
    """The exception that left the app, with its causes."""
    scope: frozenset[str]
    """The keys that the scope holds at the end."""
    cleanup_scopes: int
    """How many cancel scopes it still holds."""


# From CPython 3.14 on, a thread with a current task cannot run another loop.
_swap_current_task: Callable[..., Any] = (
    vars(asyncio.tasks)["_swap_current_task"] if sys.version_info >= (3, 14) else lambda loop, task: None
)


class InlinePace:
    """Runs everything on the loop's thread."""

    inline = True

    def call(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Calls in a copy of the context, with no running loop visible."""
        loop = asyncio.get_running_loop()
        task = _swap_current_task(loop, None)
        asyncio._set_running_loop(None)
        try:
            return contextvars.copy_context().run(function, *args, **kwargs)
        finally:
            asyncio._set_running_loop(loop)
            _swap_current_task(loop, task)

    def timed(self, function: Callable[..., Any], /) -> Callable[..., Any]:
        """The function itself."""
        return function


class ThreadPace(InlinePace):
    """Runs everything in threads."""

    inline = False


class MixedPace(InlinePace):
    """Changes its mind with every call."""

    def __init__(self) -> None:
        self._calls = 0

    @property
    def inline(self) -> bool:  # type: ignore[override]
        """Every other time."""
        self._calls += 1
        return self._calls % 2 == 0


PACES = {"inline": InlinePace, "threads": ThreadPace, "mixed": MixedPace}


class FastAPIExtractor:
    """Extraction by FastAPI's own functions, refusing what they find an error in."""

    def __init__(self, program: Program, facts: HandlerFacts) -> None:
        self._program = program
        self._embed = facts.embed_body_fields

    def from_scope(self, scope: Any, path_params: dict[str, Any], body: object) -> list[Any] | None:
        """The values of the program's parameters and body fields."""
        request = Request(scope)
        sources = {
            "path": path_params,
            "query": request.query_params,
            "header": request.headers,
            "cookie": request.cookies,
        }
        slots = []
        for location, field in self._program.parameters:
            values, errors = request_params_to_args([field], sources[location])
            if errors:
                return None
            slots.append(values[field.name])
        fields = self._program.body_fields
        if fields:
            values, errors = _complete(
                request_body_to_args(list(fields), received_body=body, embed_body_fields=self._embed)
            )
            if errors:
                return None
            slots += [values[field.name] for field in fields]
        return slots


def _complete(coroutine: Any) -> Any:
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    return {}, ["suspended"]


class Planned:
    """An app with the plans of its routes; inside `in_place` its router calls them."""

    def __init__(
        self,
        app: FastAPI,
        *,
        pace: type[InlinePace] = InlinePace,
        solve: bool = True,
        reference: bool = False,
    ) -> None:
        self.app = app
        self._reference = reference
        self.plans: dict[str, PythonPlan] = {}
        self.reasons: dict[str, str] = {}
        self.used: list[str] = []
        self._swaps: list[tuple[Any, Any, Any]] = []
        for context in iter_route_contexts(app.routes):
            route = context.original_route
            if isinstance(route, APIRoute):
                self._add(context, route, pace, solve)

    def _add(self, context: Any, route: APIRoute, pace: type[InlinePace], solve: bool) -> None:
        holder = context._effective_route
        name = f"{','.join(sorted(context.methods or ()))} {context.path}"
        paces: dict[Any, InlinePace] = {}
        try:
            facts = handler_facts(holder.app)
            program = compile_program(facts) if solve else None
            extractor = None
            if program is not None:
                extractor = self._extractor(name, program, facts, list(holder.param_convertors))
                # As the compiler of routes does it.
                program = None if extractor is None and program.request else program
            plan = compile_python_plan(
                facts, program, extractor, lambda call: paces.setdefault(id(call), pace())
            )
        except NotPlannable as error:
            self.reasons[name] = str(error)
            return
        self.plans[name] = plan

        def used(scope: Any, receive: Any, send: Any) -> Awaitable[None]:
            self.used.append(name)
            return plan(scope, receive, send)

        self._swaps.append((holder, holder.app, used))

    def _extractor(
        self, name: str, program: Program, facts: HandlerFacts, path_names: list[str]
    ) -> ExtractorLike | None:
        if self._reference:
            return FastAPIExtractor(program, facts)
        try:
            return compile_extractor(program, facts, path_names)
        except NotPlannable as error:
            self.reasons[name] = str(error)
            return None

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The router calls the plans within."""
        for holder, _, plan in self._swaps:
            holder.app = plan
        try:
            yield
        finally:
            for holder, original, _ in self._swaps:
                holder.app = original


async def request(app: Any, call: Call, events: list[Any], *, contexts: bool = False) -> Outcome:
    """Sends one request to `app`; `events` is what the app's code records in."""
    events.clear()
    # FastAPI keeps the path of the last request in it, for the texts of errors.
    fastapi.routing._endpoint_context_cache.clear()
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": call.method,
        "scheme": "http",
        "path": call.path,
        "raw_path": call.path.encode(),
        "query_string": call.query,
        "root_path": "",
        "headers": [(b"host", b"test"), *call.headers],
        "client": ("127.0.0.1", 1234),
        "server": ("test", 80),
        "state": {},
    }
    incoming = [
        {"type": "http.request", "body": part, "more_body": call.disconnects or number < len(call.body)}
        for number, part in enumerate(call.body, 1)
    ]
    finished = asyncio.Event()
    if call.disconnects:
        finished.set()

    async def receive() -> Message:
        if incoming:
            return incoming.pop(0)
        await finished.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == call.fails_on:
            raise OSError("the client is gone")
        events.append({**message, "headers": list(message["headers"])} if "headers" in message else message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            finished.set()

    error = None
    try:
        # In a task of its own, as a server runs it: what the request sets in its context ends with it.
        await asyncio.ensure_future(app(scope, receive, send))
    except BaseException as raised:
        error = describe(raised, contexts=contexts)
    # Exits in threads may still record; nothing of the app runs when the call is over.
    cleanup_scopes = scope.get("fastapi_async_cleanup_scopes", {})
    return Outcome(list(events), error, frozenset(scope), len(cleanup_scopes))


def describe(error: BaseException | None, *, contexts: bool) -> str | None:
    """The exception with its causes, and with `contexts` what was handled when each was raised."""
    if error is None:
        return None
    text = f"{error!r}: {error} from {describe(error.__cause__, contexts=contexts)}"
    # What C code makes a cause becomes the context too.
    if contexts and error.__context__ is not error.__cause__:
        text += f" while {describe(error.__context__, contexts=contexts)}"
    return re.sub(r"\b(0x)?[0-9a-f]{8,}\b|Task-\d+", "address", text)


def compare(
    app: FastAPI,
    events: list[Any],
    calls: Sequence[Call],
    *,
    pace: type[InlinePace] = InlinePace,
    solve: bool = True,
    reference: bool = False,
    expect_plans: bool = True,
    through: Callable[..., Awaitable[None]] | None = None,
) -> list[Outcome]:
    """Asserts that each call has the same outcome with plans in place; returns the outcomes.

    `reference` lets FastAPI's own functions extract the parameters for the plans. `through` is an ASGI
    callable around the app, where a test needs one.
    """

    async def main() -> list[Outcome]:
        planned = Planned(app, pace=pace, solve=solve, reference=reference)
        # An exception that comes back from a thread gets a context that it does not get here.
        contexts = pace is ThreadPace
        outcomes = []
        for call in calls:
            expected = await request(through or app, call, events, contexts=contexts)
            planned.used.clear()
            with planned.in_place():
                actual = await request(through or app, call, events, contexts=contexts)
            for name, ours, theirs in zip(Outcome._fields, actual, expected, strict=True):
                assert ours == theirs, (name, call, ours, theirs)
            if expect_plans:
                assert planned.used, (call, planned.reasons)
            outcomes.append(expected)
        return outcomes

    return asyncio.run(main())
