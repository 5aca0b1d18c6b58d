"""`turboapi.sync_mode`: the mode of one `def` callable."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from fastapi import FastAPI

from turboapi import sync_mode
from turboapi.sync import sync_mode_of


@sync_mode("threads")
def marked() -> str:
    return "marked"


def plain() -> str:
    return "plain"


@sync_mode("inline")
class MarkedClass:
    pass


class Methods:
    @sync_mode("threads")
    def method(self) -> None: ...

    def bound_later(self) -> None: ...


class Instance:
    @sync_mode("inline")
    def __call__(self) -> None: ...


@functools.wraps(marked)
def wraps_it() -> str:
    return marked()


class WrapsIt:
    """A decorator written as a class, which copies nothing but `__wrapped__`."""

    def __init__(self, function: Callable[[], str]) -> None:
        self.__wrapped__ = function

    def __call__(self) -> str:
        return self.__wrapped__()


@pytest.mark.parametrize(
    ("callable", "mode"),
    [
        (marked, "threads"),
        (plain, "adaptive"),
        (MarkedClass, "inline"),
        (Methods().method, "threads"),
        (Instance(), "inline"),
        (functools.partial(marked), "threads"),
        (functools.partial(functools.partial(plain)), "adaptive"),
        (wraps_it, "threads"),
        (WrapsIt(marked), "threads"),
        (WrapsIt(plain), "adaptive"),
        (len, "adaptive"),
    ],
)
def test_the_mode_of_a_callable(callable: Callable[..., Any], mode: str) -> None:
    assert sync_mode_of(callable, "adaptive") == mode


def test_the_callable_itself_is_returned() -> None:
    assert sync_mode("inline")(plain_copy := lambda: None) is plain_copy
    assert sync_mode_of(plain_copy, "adaptive") == "inline"


def test_a_bound_method_can_be_marked() -> None:
    methods = Methods()
    sync_mode("inline")(methods.bound_later)
    assert sync_mode_of(methods.bound_later, "threads") == "inline"


def test_the_outermost_mode_wins() -> None:
    outer = sync_mode("inline")(WrapsIt(marked))
    assert sync_mode_of(outer, "adaptive") == "inline"


def test_a_route_can_be_marked_below_its_decorator() -> None:
    app = FastAPI()

    @app.get("/")
    @sync_mode("threads")
    def endpoint() -> None: ...

    assert sync_mode_of(endpoint, "adaptive") == "threads"


def test_an_unknown_mode_is_an_error() -> None:
    with pytest.raises(ValueError, match="mode is 'fast'; use one of adaptive, inline, threads"):
        sync_mode("fast")  # type: ignore[arg-type]


def test_async_callables_have_no_mode() -> None:
    async def endpoint() -> None: ...

    async def stream() -> AsyncIterator[int]:
        yield 1

    for function in (endpoint, stream):
        with pytest.raises(TypeError, match="sync_mode is for def callables"):
            sync_mode("inline")(function)
