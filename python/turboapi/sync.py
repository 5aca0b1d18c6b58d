"""Where `def` endpoints and dependencies run: the modes, and the override for one of them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
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
    seen: Any = callable
    while seen is not None:
        for candidate in (seen, inspect.getattr_static(type(seen), "__call__", None)):
            mode = getattr(candidate, _ATTRIBUTE, None)
            if mode in SYNC_MODES:
                return mode  # type: ignore[no-any-return]
        seen = seen.func if isinstance(seen, functools.partial) else getattr(seen, "__wrapped__", None)
    return default
