"""Dependencies with ``yield``, entered and left as FastAPI does it, for less.

FastAPI wraps such a generator in two context managers, one of contextlib and one of its own, and the first
asynchronous one of a request in a cancel scope besides (`fastapi/concurrency.py`, and `_solve_generator` in
`fastapi/dependencies/utils.py`). Here one object does what the two do, and the scope is left out where its
shield could not be felt.
"""

from __future__ import annotations

from asyncio import current_task
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from anyio import CancelScope, CapacityLimiter
from anyio.lowlevel import checkpoint_if_cancelled
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

if TYPE_CHECKING:
    from turboapi.plans.python_plan import PaceLike

_task_states: MutableMapping[Any, Any] | None
try:
    from anyio._backends._asyncio import _task_states
except ImportError:
    # Another anyio: whether a cancel scope is open cannot be seen, so one is assumed.
    _task_states = None


def inside_cancel_scope() -> bool:
    """Whether an anyio cancel scope encloses what the current task runs, or that is unknown."""
    try:
        task = current_task()
    except RuntimeError:
        # Not asyncio: an app with plans may also be called by a test client on trio.
        return True
    if _task_states is None or task is None:
        return True
    state = _task_states.get(task)
    return state is not None and state.cancel_scope is not None


class AsyncGeneratorDependency:
    """An entered asynchronous generator; its exit is that of `asynccontextmanager` under FastAPI's shield."""

    __slots__ = ("_generator", "_scope", "_was_shielded")

    def __init__(self, generator: AsyncGenerator[Any, None], scope: CancelScope | None) -> None:
        """`scope` is the request's cleanup scope, `None` where there is nothing to shield from."""
        self._generator = generator
        self._scope = scope
        self._was_shielded = scope is not None and scope.shield

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        scope = self._scope
        if scope is None:
            ended = await (self._finish() if value is None else self._throw(value, traceback))
            # A scope that a dependency opened may have been cancelled meanwhile.
            if ended and inside_cancel_scope():
                await checkpoint_if_cancelled()
        else:
            scope.shield = True
            try:
                ended = await (self._finish() if value is None else self._throw(value, traceback))
            finally:
                scope.shield = self._was_shielded
            if ended:
                await checkpoint_if_cancelled()
        return ended and value is not None

    async def _finish(self) -> bool:
        generator = self._generator
        try:
            await anext(generator)
        except StopAsyncIteration:
            return True
        try:
            raise RuntimeError("generator didn't stop")
        finally:
            await generator.aclose()

    async def _throw(self, value: BaseException, traceback: TracebackType | None) -> bool:
        """Whether the generator took the exception and ended; not if it let it pass."""
        generator = self._generator
        try:
            await generator.athrow(value)
        except StopAsyncIteration as stop:
            return stop is not value
        except RuntimeError as error:
            if error is not value and not (
                isinstance(value, StopIteration | StopAsyncIteration) and error.__cause__ is value
            ):
                raise
            value.__traceback__ = traceback
            return False
        except BaseException as error:
            if error is not value:
                raise
            error.__traceback__ = traceback
            return False
        try:
            raise RuntimeError("generator didn't stop after athrow()")
        finally:
            await generator.aclose()


class GeneratorDependency:
    """A synchronous generator whose two halves run where its pace says: here, or each in a thread."""

    __slots__ = ("_manager", "_pace")

    def __init__(self, manager: AbstractContextManager[Any], pace: PaceLike) -> None:
        self._manager = manager
        self._pace = pace

    async def __aenter__(self) -> Any:
        pace = self._pace
        if pace.inline:
            return pace.call(self._manager.__enter__)
        return await run_in_threadpool(pace.timed(self._manager.__enter__))

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        pace = self._pace
        if value is not None:
            traceback = value.__traceback__
        if pace.inline:
            suppress = pace.call(self._manager.__exit__, kind, value, traceback)
        else:
            # FastAPI never lets an exit wait for a free thread of the common pool, nor cancels it.
            with CancelScope(shield=True):
                suppress = await anyio.to_thread.run_sync(
                    pace.timed(self._manager.__exit__), kind, value, traceback, limiter=CapacityLimiter(1)
                )
        return value is not None and bool(suppress)


Enter = Callable[[dict[str, Any], Request], Awaitable[Any]]


def enter_generator(call: Callable[..., Any], pace: PaceLike, stack_key: str) -> Enter:
    """A coroutine function that enters the generator `call` makes of its arguments.

    Its exit goes on the stack under `stack_key` of the scope.
    """
    make = contextmanager(call)

    async def enter(arguments: dict[str, Any], request: Request) -> Any:
        stack: AsyncExitStack = request.scope[stack_key]
        dependency = GeneratorDependency(make(**arguments), pace)
        value = await dependency.__aenter__()
        stack.push_async_exit(dependency)
        return value

    return enter


def enter_async_generator(call: Callable[..., Any], stack_key: str, *, first: bool) -> Enter:
    """The same for an asynchronous generator; `first` if no other one of the route is entered before it."""

    async def enter(arguments: dict[str, Any], request: Request) -> Any:
        scope = request.scope
        stack: AsyncExitStack = scope[stack_key]
        generator = call(**arguments)
        dependency = AsyncGeneratorDependency(generator, _cleanup_scope(scope, first=first))
        try:
            value = await anext(generator)
        except StopAsyncIteration:
            raise RuntimeError("generator didn't yield") from None
        stack.push_async_exit(dependency)  # type: ignore[type-var]  # Only its exit is used.
        return value

    return enter


def _cleanup_scope(scope: MutableMapping[str, Any], *, first: bool) -> CancelScope | None:
    """The cancel scope that FastAPI opens before the first asynchronous generator, for all of a request.

    It only keeps the cancellation of enclosing scopes away from exits, so without any it is left out.
    """
    scopes: dict[AsyncExitStack, CancelScope] = scope.setdefault("fastapi_async_cleanup_scopes", {})
    stack: AsyncExitStack = scope["fastapi_inner_astack"]
    if first and inside_cancel_scope():
        cleanup_scope = stack.enter_context(CancelScope())
        scopes[stack] = cleanup_scope
        stack.callback(scopes.pop, stack)
        return cleanup_scope
    return scopes.get(stack)
