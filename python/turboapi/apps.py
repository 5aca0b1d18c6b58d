"""From what the user named to an ASGI 3 callable."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Literal, NoReturn

from turboapi._types import ASGIApp, Receive, Scope, Send
from turboapi.errors import STARTUP_FAILURE
from turboapi.importer import ImportFromStringError, import_from_string
from turboapi.logging import error_logger

_OUR_MODULES = ("turboapi.", "importlib")


def import_app(target: object) -> Callable[..., Any]:
    """The app or factory that `target` names, or `target`; a failure is logged and raises `SystemExit(3)`."""
    try:
        app = import_from_string(target)
    except ImportFromStringError as error:
        _fail("Error loading ASGI app. %s", error)
    except Exception:
        _fail("Error loading ASGI app. Importing %r raised:", target, traceback=True)
    if not callable(app):
        _fail("Error loading ASGI app. %r is %s, which cannot be called.", target, _described(app))
    result: Callable[..., Any] = app
    return result


def load_app(
    target: object, *, factory: bool = False, interface: Literal["auto", "asgi3", "asgi2"] = "auto"
) -> ASGIApp:
    """Import `target` if it is a string, call it if it is a factory, wrap it if it is an ASGI 2 app.

    Something that can be called without arguments is taken for a factory, with a warning if `factory`
    did not say so. A failure is logged and raises `SystemExit(3)`.
    """
    app = import_app(target)
    if factory:
        if not _accepts(app, 0):
            _fail(
                "Error loading ASGI app factory: %s needs arguments; a factory is called without.",
                _described(app),
            )
        app = _call_factory(app)
    elif _accepts(app, 0) and not _accepts(app, 3):
        error_logger.warning(
            "ASGI app factory detected. Using it, but please consider setting the --factory flag explicitly."
        )
        app = _call_factory(app)

    if interface == "asgi2" or (interface == "auto" and _accepts(app, 1) and not _accepts(app, 3)):
        return _asgi2_adapter(app)
    result: ASGIApp = app
    return result


def _call_factory(factory: Callable[..., Any]) -> Callable[..., Any]:
    try:
        app = factory()
    except Exception:
        _fail("Error loading ASGI app factory: calling %s raised:", _described(factory), traceback=True)
    if not callable(app):
        _fail("Error loading ASGI app factory: it returned %s, not an ASGI app.", _described(app))
    result: Callable[..., Any] = app
    return result


def _accepts(candidate: Callable[..., Any], count: int) -> bool:
    """Whether it can be called with `count` positional arguments; an unknown signature takes three."""
    try:
        inspect.signature(candidate).bind(*range(count))
    except TypeError:
        return False
    except ValueError:
        return count == 3
    return True


def _asgi2_adapter(app: Callable[[Scope], Callable[[Receive, Send], Awaitable[None]]]) -> ASGIApp:
    async def asgi3(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope)(receive, send)

    return asgi3


def _described(value: object) -> str:
    name = getattr(value, "__qualname__", None)
    return f"{name!r}" if isinstance(name, str) else f"a {type(value).__qualname__!r} object"


def _fail(message: str, *args: object, traceback: bool = False) -> NoReturn:
    error_logger.error(message, *args, exc_info=_without_our_frames(sys.exception()) if traceback else None)
    sys.exit(STARTUP_FAILURE)


def _without_our_frames(error: BaseException | None) -> BaseException | None:
    """The traceback from the user's first line on, if there is one."""
    frames = error.__traceback__ if error is not None else None
    while frames is not None and frames.tb_frame.f_globals.get("__name__", "").startswith(_OUR_MODULES):
        frames = frames.tb_next
    # A syntax error has no frame of its own; its message names file and line.
    if error is not None and (frames is not None or isinstance(error, SyntaxError)):
        return error.with_traceback(frames)
    return error
