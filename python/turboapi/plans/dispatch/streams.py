"""The pair of zero-buffer memory streams between the application inside and its host, in plain futures.

Both sides pause where they would in `anyio.streams.memory`, so that a response that streams interleaves its
producer and its consumer as Starlette's does. Only the pauses before a first message that comes in the
child's first step, and before a body that follows its head in the same step, are left out; nobody is there
to see them, unless the child is cancelled, which a pause would tell it. A later head takes its pause at
every level: who is inside may go on meanwhile, and what it gets done before a dispatch function further out
throws the response away depends on it.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future, current_task, sleep
from collections import deque
from collections.abc import Coroutine
from typing import Any, NamedTuple

import anyio
from anyio._backends._asyncio import CancelScope
from starlette.types import Message

from turboapi.plans.dispatch.group import is_cancelled

START = "http.response.start"
BODY = "http.response.body"
PATHSEND = "http.response.pathsend"

# What a receiver finds in place of a message.
_ENDED: Any = object()
_CLOSED: Any = object()
# What a sender finds in place of None when nothing is left to wait for: it was the end of a response that was
# sent, or nobody will take it any more.
_LET_GO: Any = object()

NOTHING, HEAD, EXACT = range(3)
"""How far the first child's messages are: before the first, not looked at yet, and as anyio has it."""


class Sender(NamedTuple):
    """A child that waits for its message to be taken."""

    taken: Future[Any]
    message: Message


class Streams:
    """Shared by all children of a request, as Starlette's are."""

    _loop: AbstractEventLoop
    _progress = NOTHING
    _expecting = False
    """The host stands still while the child makes its first step: what comes now is taken at once."""
    _handed: Message | None = None
    """What came then."""
    _answer: tuple[int, list[tuple[bytes, bytes]], bytes] | None = None
    """The whole response of a child that has ended."""
    _calls = 0
    """How many children there are."""
    _send_closed = False
    _receive_closed = False
    _senders: deque[Sender] | None = None
    _receivers: deque[Future[Any]] | None = None
    _ending: list[Future[Any]] | None = None
    """Children that have sent the end of their response, and wait for `sent`."""
    _receiving: list[CancelScope] | None = None
    """Children that wait for a message of the client's."""
    sent = False
    """The response was sent: `response_sent` of Starlette."""

    # --- The host's side --------------------------------------------------------------------------------

    async def _take(self) -> Message:
        """The next message of a child (`MemoryObjectReceiveStream.receive`)."""
        await sleep(0)
        return await self._next()

    async def _next(self) -> Message:
        if self._receive_closed:
            raise anyio.ClosedResourceError
        if self._senders:
            taken, message = self._senders.popleft()
            if not taken.done():
                taken.set_result(None)
            return message
        if self._send_closed:
            raise anyio.EndOfStream
        receiver = self._loop.create_future()
        if self._receivers is None:
            self._receivers = deque()
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

    def finish(self) -> None:
        """The response was sent: `response_sent.set()` and `recv_stream.close()`."""
        self.sent = True
        self._receive_closed = True
        if self._ending or self._senders or self._receivers or self._receiving:
            self._let_go()

    def _let_go(self) -> None:
        for future in (*(self._ending or ()), *(sender.taken for sender in self._senders or ())):
            if not future.done():
                future.set_result(_LET_GO)
        for receiver in self._receivers or ():
            if not receiver.done():
                receiver.set_result(_CLOSED)
        for waiting in self._receiving or ():
            # In the turn of the task that waits for `response_sent`.
            self._loop.call_soon(waiting.cancel)

    # --- The children's side ----------------------------------------------------------------------------

    async def send(self, message: Message) -> None:
        """`send_no_error` of Starlette, with `MemoryObjectSendStream.send`."""
        progress = self._progress
        if progress == NOTHING:
            self._progress = HEAD
            unseen = self._expecting
        else:
            # If its head was not looked at yet, this is the step that sent it.
            unseen = progress == HEAD
            self._progress = EXACT
        if not unseen or self._is_child_cancelled():
            await sleep(0)
        if self._send_closed:
            raise anyio.ClosedResourceError
        if self._receive_closed:
            return
        if not self._deliver(message):
            sender = Sender(self._loop.create_future(), message)
            if self._senders is None:
                self._senders = deque()
            self._senders.append(sender)
            try:
                refused = await sender.taken
            finally:
                if sender in self._senders:
                    self._senders.remove(sender)
            if refused is _CLOSED:
                raise anyio.ClosedResourceError
            if refused is _LET_GO:
                return
        kind = message["type"]
        if kind == PATHSEND or (kind == BODY and not message.get("more_body", False)):
            await self._wait_for_end()

    async def _wait_for_end(self) -> None:
        """`response_sent.wait()`."""
        if self.sent:
            await sleep(0)
            return
        end = self._loop.create_future()
        if self._ending is None:
            self._ending = []
        self._ending.append(end)
        await end

    def _is_child_cancelled(self) -> bool:
        """Whether a pause that is left out would have ended the child that runs."""
        return is_cancelled(current_task(self._loop))  # type: ignore[arg-type]

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

    def answer(
        self, status: int, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> Coroutine[Any, Any, None] | None:
        """Take a whole response from the child.

        What comes back is awaited by the child: it sends the response as messages.
        """
        if self._calls == 1 and self._progress == NOTHING and not self._is_child_cancelled():
            self._answer = (status, headers, body)
            if self._expecting or self._deliver({}):
                return None
            self._answer = None
        return self._send_whole(status, headers, body)

    async def _send_whole(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        await self.send({"type": START, "status": status, "headers": headers})
        await self.send({"type": BODY, "body": body})

    def _close_send(self) -> None:
        self._send_closed = True
        for receiver in self._receivers or ():
            if not receiver.done():
                receiver.set_result(_ENDED)
        if self._senders:
            for sender in self._senders:
                if not sender.taken.done():
                    sender.taken.set_result(_CLOSED)
            self._senders.clear()

    def _reopen(self, *, body_taken: bool) -> None:
        """Put a child that has ended with an answer where it would be: at the end of its response."""
        if self._answer is None:
            return
        self._send_closed = False
        if not body_taken:
            message = {"type": BODY, "body": self._answer[2]}
            self._senders = deque([Sender(self._loop.create_future(), message)])
        self._answer = None
