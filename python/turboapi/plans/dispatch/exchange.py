"""What passes between a dispatch function and the application inside it, for one request.

`BaseHTTPMiddleware.__call__` (starlette/middleware/base.py) has an anyio task group, a child task and a pair
of zero-buffer memory streams for this. Here the child starts eagerly where Python can do that, and it and its
host meet in plain futures. The child is registered with the request's task group in anyio's own tables, so
cancellation, deadlines, shields and the end of the group are anyio's.

Both sides pause where they would in `anyio.streams.memory`: a response that streams interleaves its producer
and its consumer as Starlette does. Only the pauses before the first message, and before a body that follows
its head in the same step, are left out; nobody is there to see them.
"""

from __future__ import annotations

import asyncio
from asyncio import CancelledError, Future, Task, current_task, sleep
from collections import deque
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, NamedTuple

import anyio
from anyio._backends._asyncio import CancelScope, TaskGroup, TaskState, _task_states
from starlette.middleware.base import BaseHTTPMiddleware, _StreamingResponse
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from turboapi._engine import PlanTable
from turboapi.plans.dispatch.tasks import start_task

_NAME = "starlette.middleware.base.BaseHTTPMiddleware.__call__.<locals>.call_next.<locals>.coro"
"""What anyio calls the child."""

_DISCONNECT = "http.disconnect"
_START = "http.response.start"
_BODY = "http.response.body"
_PATHSEND = "http.response.pathsend"

# What a receiver finds in place of a message.
_ENDED: Any = object()
_CLOSED: Any = object()
# The state of the first child's messages.
_NOTHING, _HEAD, _EXACT = range(3)
_NEVER: Any = object()


class Entry(NamedTuple):
    """FastAPI's own innermost middleware, which plans need not pass through."""

    exceptions: Any
    stack: Any
    table: PlanTable

    def holds(self) -> bool:
        """Whether they are still wrapped as they were built."""
        return self.exceptions.app is self.stack and self.stack.app is self.table


class _Sender(NamedTuple):
    """A child that waits for its message to be taken."""

    taken: Future[Any]
    message: Message
    final: bool


class Exchange:
    """The state of one request in one `BaseHTTPMiddleware`."""

    __slots__ = (
        "_answer",
        "_calls",
        "_ending",
        "_entry",
        "_expecting",
        "_group",
        "_handed",
        "_host",
        "_loop",
        "_middleware",
        "_outer_send",
        "_progress",
        "_receive_closed",
        "_receivers",
        "_receiving",
        "_scope",
        "_send_closed",
        "_senders",
        "_stream",
        "_streaming",
        "_wrapped_receive",
        "error",
        "raised",
        "sent",
    )

    def __init__(
        self,
        middleware: BaseHTTPMiddleware,
        scope: Scope,
        receive: Receive,
        send: Send,
        group: TaskGroup,
        loop: asyncio.AbstractEventLoop,
        entry: Entry | None,
    ) -> None:
        self._middleware = middleware
        self._scope = scope
        self._wrapped_receive = receive
        self._outer_send = send
        self._group = group
        self._host = group.cancel_scope._host_task
        self._loop = loop
        self._entry = entry
        self._calls = 0
        self._progress = _NOTHING
        self._expecting = False
        self._handed: Message | None = None
        self._answer: tuple[int, list[tuple[bytes, bytes]], bytes] | None = None
        self._senders: deque[_Sender] = deque()
        self._receivers: deque[Future[Any]] = deque()
        self._ending: list[Future[Any]] = []
        self._receiving: list[CancelScope] = []
        self._send_closed = False
        self._receive_closed = False
        self._stream: Any = _NEVER
        self._streaming = False
        self.sent = False
        """The response was sent (`response_sent`)."""
        self.error: Exception | None = None
        """What the application raised (`app_exc`)."""
        self.raised = False
        """Whether `call_next` has raised that (`exception_already_raised`)."""

    # --- The dispatch function's side -------------------------------------------------------------------

    async def call_next(self, request: Request) -> _StreamingResponse:
        """Start the application and wait for the head of its response; `call_next` of Starlette."""
        info = None
        try:
            if self._calls or self._is_cancelled():
                message = await self._again()
            else:
                message = await self._first()
            if self._answer is None:
                while True:
                    if message["type"] == "http.response.debug":
                        info = message["info"]
                    elif message["type"] == "http.response.early_hint":
                        await self._outer_send(message)
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
        self._progress = _EXACT
        if self._answer is not None:
            status, headers, _ = self._answer
        else:
            assert message["type"] == _START
            status, headers = message["status"], message.get("headers", [])
        self._stream = self._body()
        response = _StreamingResponse(status_code=status, content=self._stream, info=info)
        response.raw_headers = headers
        return response

    async def _first(self) -> Message:
        self._calls = 1
        self._expecting = True
        self._spawn(eager=True)
        self._expecting = False
        if _timer_is_due(self._loop):
            # A timeout around `call_next` that ran out meanwhile gets its turn; timers come last in theirs.
            await sleep(0)
            await sleep(0)
        message, self._handed = self._handed, None
        if message is not None:
            return message
        return {} if self._answer is not None else await self._next()

    async def _again(self) -> Message:
        """Starlette's way to the last pause, for what may notice a difference.

        The children of one request share the streams: the second finds them as the first has left them.
        """
        self._calls += 1
        self._progress = _EXACT
        if self._answer is not None:
            # This child has ended, and would be waiting for its body to be taken or for the response's end.
            self._send_closed = False
            if not self._streaming:
                message = {"type": _BODY, "body": self._answer[2]}
                self._senders.append(_Sender(self._loop.create_future(), message, True))
            self._answer = None
        self._spawn(eager=False)
        return await self._take()

    def _is_cancelled(self) -> bool:
        """Whether the next pause of the present task is its last."""
        task: Any = current_task(self._loop)
        if task._must_cancel:
            return True
        state = _task_states.get(task)
        return (
            state is not None and state.cancel_scope is not None and state.cancel_scope._effectively_cancelled
        )

    async def _take(self) -> Message:
        """The next message of the child (`MemoryObjectReceiveStream.receive`)."""
        await sleep(0)
        return await self._next()

    async def _next(self) -> Message:
        if self._receive_closed:
            raise anyio.ClosedResourceError
        if self._senders:
            taken, message, final = self._senders.popleft()
            if final:
                self._ending.append(taken)
            elif not taken.done():
                taken.set_result(None)
            return message
        if self._send_closed:
            raise anyio.EndOfStream
        receiver = self._loop.create_future()
        self._receivers.append(receiver)
        try:
            found: Message = await receiver
        finally:
            if receiver in self._receivers:
                self._receivers.remove(receiver)
        if found is _ENDED:
            raise anyio.EndOfStream
        if found is _CLOSED:
            raise anyio.ClosedResourceError
        return found

    async def _body(self) -> AsyncGenerator[bytes | Message, None]:
        """`body_stream` of Starlette."""
        self._streaming = True
        if self._answer is not None:
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
            if message["type"] == _PATHSEND:
                yield message
                return
            assert message["type"] == _BODY, f"Unexpected message: {message}"
            body = message.get("body", b"")
            if body:
                yield body
            if not message.get("more_body", False):
                return

    async def respond(self, response: Any, send: Send, *, whole: bool) -> None:
        """Send what the dispatch function returned."""
        body = self._complete(response)
        if body is None:
            await response(self._scope, self._wrapped_receive, send)
            return
        outer = getattr(send, "__self__", None)
        if (
            type(outer) is Exchange
            and send.__func__ is Exchange.send  # type: ignore[attr-defined]
            and response.background is None
            and response.info is None
        ):
            sending = outer.answer(response.status_code, response.raw_headers, body)
            if sending is not None:
                await sending
            return
        # As `_StreamingResponse.__call__` does.
        if response.info is not None:
            await send({"type": "http.response.debug", "info": response.info})
        await send({"type": _START, "status": response.status_code, "headers": response.raw_headers})
        if whole and (b"content-length", b"%d" % len(body)) in response.raw_headers:
            # Framed by its length, it looks the same in one piece.
            await send({"type": _BODY, "body": body})
        else:
            if body:
                await send({"type": _BODY, "body": body, "more_body": True})
            await send({"type": _BODY, "body": b"", "more_body": False})
        if response.background:
            await response.background()

    def _complete(self, response: Any) -> bytes | None:
        """The whole body, if `response` is that of `call_next`, and its body is here and was not touched."""
        if (
            type(response) is not _StreamingResponse
            or response.body_iterator is not self._stream
            or self._streaming
            or getattr(self._stream, "ag_frame", None) is None
        ):
            return None
        if self._answer is not None:
            return self._answer[2]
        if len(self._senders) != 1:
            return None
        taken, message, final = self._senders[0]
        if not final or message["type"] != _BODY:
            return None
        body = message.get("body", b"")
        if type(body) is not bytes:
            return None
        self._senders.clear()
        self._ending.append(taken)
        return body

    def finish(self) -> None:
        """The response was sent: `response_sent.set()` and `recv_stream.close()`."""
        self.sent = True
        self._receive_closed = True
        for future in (*self._ending, *(sender.taken for sender in self._senders)):
            if not future.done():
                future.set_result(None)
        for receiver in self._receivers:
            if not receiver.done():
                receiver.set_result(_CLOSED)
        for waiting in self._receiving:
            waiting.cancel()

    def close(self) -> None:
        """Let go of everything that refers back to here."""
        self._receive_closed = self._send_closed = True
        self._stream = _NEVER
        self.error = None

    # --- The child --------------------------------------------------------------------------------------

    def _spawn(self, *, eager: bool) -> None:
        """`task_group.start_soon(coro)`."""
        entry = self._entry if self._calls == 1 else None
        task, started = start_task(self._child, entry, self._loop, _NAME, eager=eager)
        if not started:
            self._register(task)

    def _register(self, task: Task[Any]) -> None:
        # As `TaskGroup._spawn` of anyio does.
        scope = self._group.cancel_scope
        _task_states[task] = TaskState(id(self._host), scope)
        scope._tasks.add(task)
        self._group._tasks.add(task)

    def _unregister(self, task: Task[Any]) -> None:
        # As `task_done` in there does.
        group = self._group
        state = _task_states.pop(task)
        assert state.cancel_scope is not None
        state.cancel_scope._tasks.remove(task)
        group._tasks.remove(task)
        if group._on_completed_fut is not None and not group._tasks and not group._on_completed_fut.done():
            group._on_completed_fut.set_result(None)

    async def _child(self, entry: Entry | None, register: bool) -> None:
        task: Task[Any] = current_task(self._loop)  # type: ignore[assignment]
        if register:
            self._register(task)
        try:
            try:
                await self._run(entry)
            except Exception as error:
                self.error = error
            finally:
                self._close_send()
        except BaseException:
            task.add_done_callback(self._broken)
            raise
        self._unregister(task)

    async def _run(self, entry: Entry | None) -> None:
        app = self._middleware.app
        if entry is not None and app is entry.exceptions and entry.holds():
            run = entry.table.answering(self._scope, self.receive, self.send, app, self.answer)
            if run is not None:
                await run
                return
        await app(self._scope, self.receive, self.send)

    def _broken(self, task: Task[Any]) -> None:
        """The child was cancelled, or raised what is no `Exception`."""
        self._unregister(task)
        if not task.cancelled():
            error = task.exception()
            assert error is not None
            self._group._exceptions.append(error)
        scope = self._group.cancel_scope
        if not scope._effectively_cancelled:
            scope.cancel()

    def _close_send(self) -> None:
        self._send_closed = True
        for receiver in self._receivers:
            if not receiver.done():
                receiver.set_result(_ENDED)
        for sender in self._senders:
            if not sender.taken.done():
                sender.taken.set_result(_CLOSED)
        self._senders.clear()

    # --- The application's side -------------------------------------------------------------------------

    def answer(
        self, status: int, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> Coroutine[Any, Any, None] | None:
        """Take a whole response from a child that has nothing left to do.

        What comes back is awaited by the child: it sends the response as messages.
        """
        if self._calls == 1 and self._progress == _NOTHING:
            self._answer = (status, headers, body)
            if self._expecting or self._deliver({}):
                return None
            self._answer = None
        return self._send_whole(status, headers, body)

    async def _send_whole(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        await self.send({"type": _START, "status": status, "headers": headers})
        await self.send({"type": _BODY, "body": body})

    async def send(self, message: Message) -> None:
        """`send_no_error` of Starlette, with `MemoryObjectSendStream.send`."""
        progress = self._progress
        if progress == _NOTHING:
            self._progress = _HEAD
        elif progress == _HEAD:
            # Its head was not looked at yet, so this is the step that sent it.
            self._progress = _EXACT
        else:
            await sleep(0)
        if self._send_closed:
            raise anyio.ClosedResourceError
        if self._receive_closed:
            return
        kind = message["type"]
        final = kind == _PATHSEND or (kind == _BODY and not message.get("more_body", False))
        if not self._deliver(message):
            taken = self._loop.create_future()
            sender = _Sender(taken, message, final)
            self._senders.append(sender)
            try:
                withdrawn = await taken
            finally:
                if sender in self._senders:
                    self._senders.remove(sender)
            if withdrawn is _CLOSED:
                raise anyio.ClosedResourceError
        elif final:
            if self.sent:
                await sleep(0)
            else:
                end = self._loop.create_future()
                self._ending.append(end)
                await end

    def _deliver(self, message: Message) -> bool:
        if self._expecting:
            self._expecting = False
            self._handed = message
            return True
        while self._receivers:
            receiver = self._receivers.popleft()
            if not receiver.done():
                receiver.set_result(message)
                return True
        return False

    async def receive(self) -> Message:
        """`receive_or_disconnect` of Starlette."""
        if self.sent:
            return {"type": _DISCONNECT}
        # In place of the group that races with `response_sent`, whose shape an error keeps.
        scope = CancelScope()
        self._receiving.append(scope)
        message: Message = {"type": _DISCONNECT}
        try:
            with scope:
                try:
                    message = await self._wrapped_receive()
                except CancelledError:
                    raise
                except BaseException as error:
                    raise BaseExceptionGroup("unhandled errors in a TaskGroup", [error]) from None
        finally:
            self._receiving.remove(scope)
        if self.sent:
            return {"type": _DISCONNECT}
        return message


def _timer_is_due(loop: Any) -> bool:
    # Of `asyncio.BaseEventLoop`.
    scheduled = loop._scheduled
    return bool(scheduled) and scheduled[0]._when <= loop.time()
