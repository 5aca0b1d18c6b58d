"""Which `def` callables stay on the thread pool: their code names what only works there or surely blocks.

A hint, from the names in the code and what they stand for in its globals and closure. What it does not
see, adaptive sync learns from the calls (`turboapi._engine.Pace`); what it sees wrongly only costs a hop to a
thread.
"""

from __future__ import annotations

import inspect
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from turboapi.sync import SyncMode, layers, own_sync_mode

_THREAD = "which needs a worker thread"
_LOOP = "which runs an event loop of its own"
_PROCESS = "which waits for a process"
_NETWORK = "which waits for the network"

_HTTP_METHODS = ("delete", "get", "head", "options", "patch", "post", "put")

_CALLS: dict[str, dict[str, tuple[str, ...]]] = {
    _THREAD: {
        "anyio.from_thread": ("run", "run_sync", "check_cancelled"),
        "asgiref.sync": ("async_to_sync", "AsyncToSync"),
    },
    _LOOP: {
        "anyio": ("run",),
        "anyio.from_thread": ("start_blocking_portal",),
        "asyncio": ("Runner", "new_event_loop", "run"),
        "trio": ("run",),
    },
    # The loop's own thread would wait for itself.
    "which waits for the event loop": {"asyncio": ("run_coroutine_threadsafe",)},
    "which finds another event loop on each thread": {"asyncio": ("get_event_loop", "set_event_loop")},
    "which blocks": {"time": ("sleep",), "concurrent.futures": ("as_completed", "wait")},
    _PROCESS: {
        "os": ("popen", "system", "wait", "waitpid"),
        "subprocess": ("Popen", "call", "check_call", "check_output", "getoutput", "getstatusoutput", "run"),
    },
    _NETWORK: {
        "http.client": ("HTTPConnection", "HTTPSConnection"),
        "httpx": ("Client", "delete", "get", "head", "options", "patch", "post", "put", "request", "stream"),
        "requests": (
            "Session",
            "delete",
            "get",
            "head",
            "options",
            "patch",
            "post",
            "put",
            "request",
            "session",
        ),
        "smtplib": ("SMTP", "SMTP_SSL"),
        "socket": ("create_connection", "getaddrinfo", "gethostbyname"),
        "urllib.request": ("urlopen", "urlretrieve"),
        "urllib3": ("HTTPConnectionPool", "HTTPSConnectionPool", "PoolManager", "request"),
    },
    # `check_same_thread`: what runs inline and what runs on the pool could not share the connection.
    "whose connections belong to one thread": {"sqlite3": ("connect",)},
}

_REASONS = {
    (module, name): f"calls {module}.{name}, {why}"
    for why, modules in _CALLS.items()
    for module, names in modules.items()
    for name in names
}
_MODULES = {module for module, _name in _REASONS}

_METHODS = {
    "run_forever": f"calls run_forever, {_LOOP}",
    "run_until_complete": f"calls run_until_complete, {_LOOP}",
}

_WAITS: tuple[tuple[type, tuple[str, ...]], ...] = (
    (threading.Barrier, ("wait",)),
    (threading.Condition, ("wait", "wait_for")),
    (threading.Event, ("wait",)),
    (threading.Thread, ("join",)),
    (queue.Queue, ("get", "join")),
    (queue.SimpleQueue, ("get",)),
)

_MOST_FUNCTIONS = 64
"""How many functions of one callable are looked at."""


class Placement(NamedTuple):
    """The mode of one callable, and why it is not the one of the server."""

    mode: SyncMode
    reason: str | None


def placement(callable: Callable[..., Any], default: SyncMode) -> Placement:
    """The mode that `callable` runs in where the server's is `default`.

    Its own (`turboapi.sync_mode`) comes first, then what its code shows.
    """
    own = own_sync_mode(callable)
    if own is not None:
        return Placement(own, f'is marked with sync_mode("{own}")')
    if default != "threads" and (reason := pinned_reason(callable)):
        return Placement("threads", reason)
    return Placement(default, None)


def pinned_reason(callable: Callable[..., Any]) -> str | None:
    """Why `callable` must always run on a thread, or None.

    Looks at functions, methods, partials, the `__init__` of classes and the `__call__` of instances, through
    decorators that set `__wrapped__`, and at the functions of the same package that they name.
    """
    known = _known_objects()
    pending = list(_functions(callable))
    seen = {id(function) for function in pending}
    for function in pending:
        names = set(_names(function.__code__))
        for value in _named(function, names):
            reason = known.get(id(value)) or known.get(id(type(value))) or _wait(value, names)
            if reason is not None:
                return reason
            if isinstance(value, FunctionType) and _package(value) == _package(function):
                for inner in _functions(value):
                    if id(inner) not in seen and len(pending) < _MOST_FUNCTIONS:
                        seen.add(id(inner))
                        pending.append(inner)
        reason = _imported(function, names) or next(
            (_METHODS[name] for name in sorted(names & _METHODS.keys())), None
        )
        if reason is not None:
            return reason
    return None


def _known_objects() -> dict[int, str]:
    """The objects of `_CALLS` whose modules are loaded, by id: nobody can name one of another module."""
    return {
        id(value): reason
        for (module, name), reason in _REASONS.items()
        if (value := getattr(sys.modules.get(module), name, None)) is not None
    }


def _functions(callable: Any) -> Iterator[FunctionType]:
    """The Python functions that a call of `callable` runs, wrappers before what they wrap."""
    for layer in layers(callable):
        parts = (layer,)
        if isinstance(layer, type):
            parts = tuple(inspect.getattr_static(layer, name, None) for name in ("__new__", "__init__"))
        yield from (part for part in parts if isinstance(part, FunctionType))


def _names(code: CodeType) -> Iterator[str]:
    """The names of globals, attributes and imports in `code`, and its free variables."""
    yield from code.co_names
    yield from code.co_freevars
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _named(function: FunctionType, names: set[str]) -> Iterator[Any]:
    """What `names` stand for in the globals and the closure of `function`, and in the modules among these."""
    values = [function.__globals__[name] for name in names if name in function.__globals__]
    for cell in function.__closure__ or ():
        try:
            values.append(cell.cell_contents)
        except ValueError:  # Not assigned yet.
            continue
    seen = set[int]()
    for value in values:
        if isinstance(value, ModuleType):
            if id(value) not in seen:
                seen.add(id(value))
                values += [vars(value)[name] for name in names if name in vars(value)]
        else:
            yield value


def _imported(function: FunctionType, names: set[str]) -> str | None:
    """The reason for what `function` imports itself (`import time` in its body)."""
    for module in sorted(names & _MODULES - function.__globals__.keys()):
        for name in sorted(names):
            if (module, name) in _REASONS:
                return _REASONS[module, name]
    return None


def _wait(value: Any, names: set[str]) -> str | None:
    for kind, methods in _WAITS:
        if isinstance(value, kind):
            for method in methods:
                if method in names:
                    return f"calls {method} of a {kind.__module__.lstrip('_')}.{kind.__name__}, which blocks"
    return None


def _package(function: FunctionType) -> str:
    return (function.__module__ or "").partition(".")[0]
