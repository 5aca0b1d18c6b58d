"""One request in one `BaseHTTPMiddleware`: its `__call__` (starlette/middleware/base.py)."""

from __future__ import annotations

from asyncio import AbstractEventLoop, BaseEventLoop, CancelledError, Task, current_task
from typing import Any, NoReturn, TypeGuard

from anyio._backends._asyncio import TaskGroup
from starlette.middleware.base import BaseHTTPMiddleware, _CachedRequest
from starlette.types import Receive, Scope, Send

from turboapi.loop import EventLoop
from turboapi.plans.dispatch.exchange import EngineSend, Entry, Exchange
from turboapi.plans.runtime import send_nowhere

RAISE = "turboapi.dispatch.raise"
"""In a scope: an exception of the outermost middleware, and whether its response has begun."""

_new_request = _CachedRequest.__new__


def suits(loop: AbstractEventLoop | None) -> TypeGuard[AbstractEventLoop]:
    """Whether tasks on this loop are asyncio's own."""
    if type(loop) is EventLoop:
        return loop._task_factory is None and not loop._debug  # type: ignore[attr-defined]
    return isinstance(loop, BaseEventLoop) and loop.get_task_factory() is None and not loop.get_debug()


async def run(
    app: BaseHTTPMiddleware,
    scope: Scope,
    receive: Receive,
    send: Send,
    loop: AbstractEventLoop,
    entry: Entry | None,
    outermost: Any = None,
) -> None:
    """`app(scope, receive, send)`, in a task.

    Where `send` is an `EngineSend`, an exception is for `outermost`, the application's outermost middleware.
    """
    host: Task[Any] = current_task(loop)  # type: ignore[assignment]
    exchange = Exchange(app, scope, send, host, loop, entry)
    request = _request(scope, receive, send)
    exchange.wrapped_receive = request.wrapped_receive
    try:
        try:
            response = await app.dispatch_func(request, exchange.call_next)
            sending = exchange.respond(response)
            if sending is not None:
                await sending
            exchange.finish()
        except BaseException as error:
            group = exchange.group
            if group is not None:
                if not await _leave(group, error):
                    raise
            elif isinstance(error, CancelledError):
                raise
            else:
                try:
                    raise BaseExceptionGroup("unhandled errors in a TaskGroup", [error]) from None
                except BaseExceptionGroup:
                    _raise_only(error)
        else:
            group = exchange.group
            if group is None:
                pass
            elif group._tasks or group._exceptions or group.cancel_scope._cancel_called:
                await _leave(group, None)
            else:
                # Without the pause of its __aexit__, which nobody is there to use.
                group.cancel_scope.__exit__(None, None, None)
        if exchange.error is not None and not exchange.raised:
            raise exchange.error
    except Exception as error:
        if type(send) is not EngineSend:
            raise
        scope[RAISE] = error, send.begun
        exchange.close()
        # What has begun is announced again, to those who only have to know.
        await outermost(scope, receive, send_nowhere if send.begun else send.send)
    finally:
        exchange.close()


def _request(scope: Scope, receive: Receive, send: Send) -> _CachedRequest:
    """A `_CachedRequest`, as the three `__init__` of its classes make one."""
    request = _new_request(_CachedRequest)
    request.scope = scope
    request._receive = receive
    request._send = send
    request._stream_consumed = False
    request._is_disconnected = False
    request._form = None
    request._wrapped_rcv_disconnected = False
    request._wrapped_rcv_consumed = False
    return request


async def _leave(group: TaskGroup, error: BaseException | None) -> bool:
    """`__aexit__` of `starlette._utils.create_collapsing_task_group`."""
    try:
        kind, traceback = (None, None) if error is None else (type(error), error.__traceback__)
        return await group.__aexit__(kind, error, traceback)
    except BaseExceptionGroup as raised:
        if len(raised.exceptions) != 1:
            raise
        _raise_only(raised.exceptions[0])
    finally:
        del error


def _raise_only(error: BaseException) -> NoReturn:
    """Raise the only error of a group as `create_collapsing_task_group` does."""
    try:
        raise error from error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    finally:
        del error
