"""Where `def` endpoints and dependencies run: the modes, and the override for one of them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, Literal, TypeVar, get_args

SyncMode = Literal["adaptive", "inline", "threads"]
"""Learn from the calls; always on the event loop's thread; always on the thread pool, as FastAPI does."""

SYNC_MODES: tuple[SyncMode, ...] = get_args(SyncMode)

_ATTRIBUTE = "__turboapi_sync_mode__"

_F = TypeVar("_F", bound=Callable[..., Any])


def sync_mode(mode: SyncMode) -> Callable[[_F], _F]:
    """Decorate a `def` endpoint or dependency with the mode it is to run in, whatever `--sync-mode` says.

    The callable itself is returned, with an attribute that other servers ignore:

        @app.get("/report")
        @sync_mode("threads")
        def report() -> Report: ...

    Raises `ValueError` for an unknown mode and `TypeError` for an `async def`, which always runs on the loop.
    """
    if mode not in SYNC_MODES:
        raise ValueError(f"mode is {mode!r}; use one of {', '.join(SYNC_MODES)}")

    def decorate(function: _F) -> _F:
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"sync_mode is for def callables, and {function!r} is async")
        # A bound method has no attributes of its own.
        setattr(getattr(function, "__func__", function), _ATTRIBUTE, mode)
        return function

    return decorate


def sync_mode_of(callable: Callable[..., Any], default: SyncMode) -> SyncMode:
    """The mode that `sync_mode` gave to `callable`, or `default`.

    Looks through `functools.partial` and decorators that set `__wrapped__`, and at the `__call__` of an
    instance; the outermost mode wins.
    """
    return own_sync_mode(callable) or default


def own_sync_mode(callable: Callable[..., Any]) -> SyncMode | None:
    """The mode that `sync_mode` gave to `callable`, found as `sync_mode_of` does."""
    for layer in layers(callable):
        mode = inspect.getattr_static(layer, _ATTRIBUTE, None)
        if mode in SYNC_MODES:
            return mode  # type: ignore[no-any-return]
    return None


def layers(callable: Callable[..., Any]) -> Iterator[Any]:
    """`callable` and what it leads to: the function of a method or partial, `__call__`, `__wrapped__`."""
    pending: list[Any] = [callable]
    seen = set[int]()
    for layer in pending:
        if layer is None or id(layer) in seen:
            continue
        seen.add(id(layer))
        yield layer
        if isinstance(layer, MethodType | staticmethod | classmethod):
            pending.append(layer.__func__)
        elif isinstance(layer, functools.partial):
            pending.append(layer.func)
        elif not isinstance(layer, FunctionType | BuiltinFunctionType | type):
            pending.append(inspect.getattr_static(type(layer), "__call__", None))
        # Read statically: a proxy's __getattr__ may answer for ever, or raise.
        pending.append(inspect.getattr_static(layer, "__wrapped__", None))
