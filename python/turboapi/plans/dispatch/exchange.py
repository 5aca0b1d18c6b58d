"""What passes between a dispatch function and the application inside it, for one request.

`BaseHTTPMiddleware.__call__` (starlette/middleware/base.py) has an anyio task group, a child task and a pair
of memory streams for this. Here the child starts eagerly where Python can do that, and often has answered by
the end of its first step. If not, it joins a task group then; until then only
`anyio.get_current_task().parent_id` tells that it is in none.
"""

from __future__ import annotations

import sys
from asyncio import AbstractEventLoop, CancelledError, Task, current_task, sleep
from collections.abc import AsyncGenerator, Awaitable, Coroutine
from dataclasses import dataclass
from typing import Any

import anyio
from anyio._backends._asyncio import CancelScope, TaskGroup
from starlette.middleware.base import BaseHTTPMiddleware, _StreamingResponse
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from turboapi._engine import PlanTable
from turboapi.plans.dispatch.group import (
    adopt,
    broken,
    is_cancelled,
    late_group,
    leave,
    scope_of,
    states_by_task,
)
from turboapi.plans.dispatch.streams import BODY, EXACT, PATHSEND, START, Streams

_NAME = "starlette.middleware.base.BaseHTTPMiddleware.__call__.<locals>.call_next.<locals>.coro"
"""What anyio calls the child."""

_EAGER: Any = {"eager_start": True} if sys.version_info >= (3, 12) else {}
_NEVER: Any = object()
_new_response = _StreamingResponse.__new__


@dataclass(frozen=True, slots=True)
class Entry:
    """FastAPI's own innermost middleware, which plans need not pass through."""

    exceptions: Any
    stack: Any
    table: PlanTable


class EngineSend:
    """The `send` of the engine, to whom a body may come in one piece; it knows whether a response has begun.

    It does not know its exchange: that has the request, which has this.
    """

    __slots__ = ("begun", "send")

    def __init__(self, send: Send) -> None:
        self.send = send
        self.begun = False

    def __call__(self, message: Message) -> Awaitable[None]:
        if message["type"] == START:
            self.begun = True
        return self.send(message)

    def answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> bool:
        """Send a whole response; false says that it takes messages."""
        self.begun = True
        take = getattr(getattr(self.send, "__self__", None), "answer", None)
        return take is not None and take(status, headers, body)


class Waiting(CancelScope):
    """Around a wait for a message of the client's, in place of a task group."""

    __slots__ = ("races",)

    races: bool
    """Whether it takes as many turns as the group would."""


class Exchange(Streams):
    """The state of one request in one `BaseHTTPMiddleware`."""

    group: TaskGroup | None = None
    """From the time that a child outlives its first step, or would be seen to be in none."""
    error: Exception | None = None
    """What the application raised (`app_exc`)."""
    raised = False
    """Whether `call_next` has raised that (`exception_already_raised`)."""
    _stream: Any = _NEVER
    """The body of `call_next`'s response."""
    _streaming = False
    """Whether somebody has begun to read it."""
    _raced = False
    """Whether a child has waited for the client while something else of it went on."""
    wrapped_receive: Receive
    """Of the request that the dispatch function gets."""

    def __init__(
        self,
        middleware: BaseHTTPMiddleware,
        scope: Scope,
        send: Send,
        host: Task[Any],
        loop: AbstractEventLoop,
        entry: Entry | None,
    ) -> None:
        self._middleware = middleware
        self._scope = scope
        self._send = send
        self._host = host
        self._loop = loop
        self._entry = entry
        self._cancelling = host.cancelling()
        self._outer = None
        if states_by_task:
            outer = self._outer = scope_of(host)
            if outer is not None:
                # Its deadline and its cancellation are the child's from the start.
                self.group = late_group(host, outer, self._cancelling)

    # --- The dispatch function's side -------------------------------------------------------------------

    async def call_next(self, request: Request) -> _StreamingResponse:
        """Start the application and wait for the head of its response; `call_next` of Starlette."""
        info = None
        try:
            if self._calls or not self._is_undisturbed():
                message = await self._again()
            else:
                self._calls = 1
                self._expecting = True
                if _EAGER and self.group is None:
                    task = Task(self._planned() or self._child(), loop=self._loop, name=_NAME, **_EAGER)
                    if not task.done() or task.cancelled() or task.exception() is not None:
                        # Of one that is over the group has to hear in the loop's next turn.
                        self._join(task)
                else:
                    self._spawn(eager=True)
                self._expecting = False
                # Of `asyncio.BaseEventLoop`.
                timers = self._loop._scheduled  # type: ignore[attr-defined]
                if timers and timers[0]._when <= self._loop.time():
                    # A timeout around `call_next` that ran out meanwhile gets its turn, behind ours.
                    await sleep(0)
                    await sleep(0)
                if self._handed is not None:
                    message, self._handed = self._handed, None
                elif self._answer is None:
                    message = await self._next()
            if self._answer is None:
                while True:
                    if message["type"] == "http.response.debug":
                        info = message["info"]
                    elif message["type"] == "http.response.early_hint":
                        await self._send(message)
                    else:
                        break
                    message = await self._take()
        except anyio.EndOfStream:
            error = self.error
            if error is not None:
                self.raised = True
                try:
                    raise error from error.__cause__ or error.__context__
                finally:
                    del error
            # With its context, as Starlette raises it.
            raise RuntimeError("No response returned.")  # noqa: B904
        self._progress = EXACT
        # As its __init__ does; the headers it makes are replaced in any case.
        response = _new_response(_StreamingResponse)
        response.info = info
        response.body_iterator = self._stream = self._body()
        response.media_type = None
        response.background = None
        answer = self._answer
        if answer is not None:
            response.status_code = answer[0]
            response.raw_headers = answer[1]
        else:
            assert message["type"] == START
            response.status_code = message["status"]
            response.raw_headers = message.get("headers", [])
        return response

    async def _again(self) -> Message:
        """Starlette's way to the last pause, for what may notice a difference.

        The children of one request share the streams: the second finds them as the first has left them.
        """
        self._calls += 1
        self._progress = EXACT
        self._reopen(body_taken=self._streaming)
        self._spawn(eager=False)
        return await self._take()

    def _is_undisturbed(self) -> bool:
        """Whether it is the host that runs, and its next pause does not raise."""
        return current_task(self._loop) is self._host and not is_cancelled(self._host)

    async def _body(self) -> AsyncGenerator[bytes | Message, None]:
        """`body_stream` of Starlette."""
        self._streaming = True
        if self._answer is not None:
            if not self._is_undisturbed():
                await sleep(0)
            if self._receive_closed:
                raise anyio.ClosedResourceError
            if self._answer[2]:
                yield self._answer[2]
            return
        while True:
            try:
                message = await self._take()
            except anyio.EndOfStream:
                return
            if message["type"] == PATHSEND:
                yield message
                return
            assert message["type"] == BODY, f"Unexpected message: {message}"
            body = message.get("body", b"")
            if body:
                yield body
            if not message.get("more_body", False):
                return

    def respond(self, response: Any) -> Awaitable[None] | None:
        """Send what the dispatch function returned; what comes back, if anything, does it when awaited."""
        if (
            type(response) is _StreamingResponse
            and response.body_iterator is self._stream
            and not self._streaming
            and getattr(self._stream, "ag_frame", None) is not None
            and self._is_undisturbed()
        ):
            answer = self._answer
            if answer is not None and response.background is None and response.info is None:
                # The child has ended.
                send: Any = self._send
                if type(send) is EngineSend:
                    if send.answer(response.status_code, response.raw_headers, answer[2]):
                        return None
                elif _is_exchange(send):
                    outer: Exchange = send.__self__
                    return outer.answer(response.status_code, response.raw_headers, answer[2])
            body = self._complete()
            if body is not None:
                return self._respond_whole(response, body)
        sending: Awaitable[None] = response(self._scope, self.wrapped_receive, self._send)
        return sending

    async def _respond_whole(self, response: Any, body: bytes) -> None:
        """What `_StreamingResponse.__call__` does, with the body in one piece where that looks the same."""
        send = self._send
        if response.info is not None:
            await send({"type": "http.response.debug", "info": response.info})
        await send({"type": START, "status": response.status_code, "headers": response.raw_headers})
        framed = type(send) is EngineSend and (b"content-length", b"%d" % len(body)) in response.raw_headers
        if not self._is_undisturbed():
            # What cancels it while the head is sent keeps the body back: Starlette waits for that then.
            await sleep(0)
        # `_body` of an exchange takes both for the same.
        if framed or _is_exchange(send):
            await send({"type": BODY, "body": body})
        else:
            if body:
                await send({"type": BODY, "body": body, "more_body": True})
            await send({"type": BODY, "body": b"", "more_body": False})
        if response.background:
            await response.background()

    def _complete(self) -> bytes | None:
        """The whole body, if it is here; its sender then waits for the end.

        Where the child may hear of the client's end meanwhile, it matters that a body takes its turns.
        """
        if self._answer is not None:
            return self._answer[2]
        if not self._senders or len(self._senders) != 1 or self._raced:
            return None
        taken, message = self._senders[0]
        if taken.done() or message["type"] != BODY or message.get("more_body", False):
            return None
        body = message.get("body", b"")
        if type(body) is not bytes:
            return None
        self._senders.clear()
        if _is_exchange(self._send):
            # Which takes a turn at least, so that the sender would wait for the end by then.
            self._ending = [*(self._ending or ()), taken]
        else:
            taken.set_result(None)
        return body

    def close(self) -> None:
        """Let go of everything that refers back to here."""
        self._receive_closed = self._send_closed = True
        self._stream = _NEVER
        self.error = None

    # --- The child --------------------------------------------------------------------------------------

    def _spawn(self, *, eager: bool) -> None:
        """`task_group.start_soon(coro)`."""
        coroutine: Any = self._planned() if self._calls == 1 else None
        if coroutine is None:
            coroutine = self._child()
        if eager and _EAGER:
            Task(self._joining(coroutine), loop=self._loop, name=_NAME, **_EAGER)
        else:
            self._join(Task(coroutine, loop=self._loop, name=_NAME))

    def _join(self, task: Task[Any]) -> None:
        if self.group is None:
            self.group = late_group(self._host, self._outer, self._cancelling)
        adopt(self.group, task)

    async def _joining(self, child: Coroutine[Any, Any, None]) -> None:
        """A child in the group from its first step on."""
        self._join(current_task(self._loop))  # type: ignore[arg-type]
        await child

    def _planned(self) -> Coroutine[Any, Any, None] | None:
        """The child, if a plan answers the request."""
        entry = self._entry
        if entry is None:
            return None
        app: Any = self._middleware.app
        if app is not entry.exceptions or app.app is not entry.stack or entry.stack.app is not entry.table:
            return None
        return entry.table.answering(self._scope, self.receive, self.send, app, self)  # type: ignore[no-any-return]

    async def _child(self) -> None:
        """The child, if the application answers."""
        error = None
        try:
            await self._middleware.app(self._scope, self.receive, self.send)
        except Exception as raised:
            error = raised
        except BaseException:
            self.breaking()
            raise
        try:
            self.ended(error)
        finally:
            del error

    def conclude(
        self, status: int, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> Awaitable[None] | None:
        """`answer`, from a child that ends with it."""
        if self._expecting and self.group is None and not self._is_child_cancelled():
            self._expecting = False
            self._answer = (status, headers, body)
            self._send_closed = True
            return None
        sending = self.answer(status, headers, body)
        if sending is None:
            self.ended(None)
        return sending

    def ended(self, error: Exception | None) -> None:
        """The child has ended, with this of the application's."""
        if error is not None:
            self.error = error
        self._close_send()
        if self.group is not None:
            task: Task[Any] = current_task(self._loop)  # type: ignore[assignment]
            if task in self.group._tasks:
                leave(self.group, task)

    def breaking(self) -> None:
        """The child ends with what is no `Exception`."""
        self._close_send()
        task: Task[Any] = current_task(self._loop)  # type: ignore[assignment]
        task.add_done_callback(self._broken)

    def _broken(self, task: Task[Any]) -> None:
        if self.group is not None and task in self.group._tasks:
            broken(self.group, task)

    # --- The application's side -------------------------------------------------------------------------

    async def receive(self) -> Message:
        """`receive_or_disconnect` of Starlette."""
        if self.sent:
            return {"type": "http.disconnect"}
        # In place of the group that races with `response_sent`, whose shape an error keeps.
        scope = Waiting()
        if self._receiving is None:
            self._receiving = []
        self._receiving.append(scope)
        message: Message = {"type": "http.disconnect"}
        turns: list[int] = []
        # Once there is a response, its producer and the one who waits here for the client may race.
        races = scope.races = self._progress == EXACT or self._is_watched()
        if races:
            self._raced = True
            self._loop.call_soon(turns.append, 1)
        try:
            with scope:
                try:
                    message = await self.wrapped_receive()
                except CancelledError:
                    raise
                except BaseException as error:
                    raise BaseExceptionGroup("unhandled errors in a TaskGroup", [error]) from None
        finally:
            self._receiving.remove(scope)
        if races or self._progress == EXACT:
            # The end of that group, whose other task waits for `response_sent`. If that task has cancelled
            # this one, it has only to end; else it has to be cancelled, and to start if it has not.
            for _ in range(1 if scope.cancel_called else 2 if turns or not races else 4):
                await sleep(0)
        if self.sent:
            return {"type": "http.disconnect"}
        return message

    def _is_watched(self) -> bool:
        """Whether the child may have something else going on: it waits in a scope of its own.

        So do the responses that listen for the client's end while they are sent.
        """
        inside = scope_of(current_task(self._loop)) if states_by_task else None  # type: ignore[arg-type]
        if type(inside) is Waiting:
            return inside.races
        return inside is not None and (self.group is None or inside is not self.group.cancel_scope)


def _is_exchange(send: Any) -> bool:
    """Whether `send` is that of an exchange around this one."""
    outer = getattr(send, "__self__", None)
    return type(outer) is Exchange and send.__func__ is Streams.send
