"""`Pace.call` and `Pace.timed`: a sync callable sees the same inline as on a worker thread."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import signal
import sys
import threading
import traceback
import weakref
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
import pytest

from turboapi._engine import Pace

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def pace(mode: str = "adaptive") -> Pace:
    return Pace("test", mode)


async def on_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    return await anyio.to_thread.run_sync(function, *arguments)


async def on_thread_timed(function: Callable[..., Any], *arguments: Any) -> Any:
    return await anyio.to_thread.run_sync(pace().timed(function), *arguments)


async def inline(function: Callable[..., Any], *arguments: Any) -> Any:
    return pace().call(function, *arguments)


WAYS = pytest.mark.parametrize("way", [on_thread, on_thread_timed, inline], ids=lambda way: way.__name__)


def outcome(function: Callable[[], Any]) -> tuple[str, str]:
    """What a call returns or raises, comparable between threads."""
    try:
        return "returned", repr(function())
    except BaseException as error:
        return type(error).__name__, str(error)


def surroundings() -> dict[str, Any]:
    """What a callable can ask asyncio and its context about."""
    return {
        "running loop": outcome(asyncio.get_running_loop),
        "current task": outcome(asyncio.current_task),
        "all tasks": outcome(asyncio.all_tasks),
        "library": outcome(anyio.get_cancelled_exc_class),
        "variable": variable.get(),
        "asyncio.run": outcome(lambda: asyncio.run(asyncio.sleep(0, "slept"))),
        "timeout": outcome(lambda: asyncio.timeout(1) and asyncio.timeout_at(1)),
    }


@WAYS
def test_the_surroundings_are_those_of_a_worker_thread(way: Callable[..., Any]) -> None:
    async def main() -> tuple[Any, Any]:
        variable.set("of the request")
        return await way(surroundings), await on_thread(surroundings)

    found, expected = asyncio.run(main())
    assert found == expected
    assert found["running loop"] == ("RuntimeError", "no running event loop")
    assert found["asyncio.run"] == ("returned", "'slept'")


@WAYS
def test_variables_do_not_leak(way: Callable[..., Any]) -> None:
    seen = []

    def set_variable() -> None:
        seen.append(variable.get())
        variable.set("inside")

    async def main() -> str:
        variable.set("before")
        await way(set_variable)
        await way(set_variable)
        return variable.get()

    assert asyncio.run(main()) == "before"
    assert seen == ["before", "before"]


def test_the_loop_and_the_task_are_back_afterwards() -> None:
    async def main() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        for function in (lambda: None, surroundings, lambda: 1 / 0):
            outcome(lambda function=function: pace().call(function))  # type: ignore[misc]
            assert asyncio.get_running_loop() is loop
            assert asyncio.current_task() is task
        assert await asyncio.create_task(asyncio.sleep(0, "still works")) == "still works"

    asyncio.run(main())


def test_without_a_running_loop() -> None:
    assert pace().call(surroundings)["running loop"][0] == "RuntimeError"
    assert outcome(asyncio.get_running_loop)[0] == "RuntimeError"


def test_in_a_callback_of_the_loop_that_is_no_task() -> None:
    async def main() -> Any:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        loop.call_soon(lambda: done.set_result((pace().call(surroundings), asyncio.get_running_loop())))
        return await done, loop

    (found, after), loop = asyncio.run(main())
    assert found["current task"] == ("RuntimeError", "no running event loop")
    assert after is loop


def test_nested_calls() -> None:
    """An inline call that itself calls inline, with a loop of its own between the two."""
    events = []

    def innermost() -> None:
        events.append(("innermost", variable.get(), outcome(asyncio.get_running_loop)[0]))
        variable.set("innermost")

    async def between() -> None:
        loop = asyncio.get_running_loop()
        variable.set("between")
        pace().call(innermost)
        assert asyncio.get_running_loop() is loop
        events.append(("between", variable.get(), "running"))

    def outer() -> None:
        variable.set("outer")
        pace().call(innermost)
        asyncio.run(between())
        events.append(("outer", variable.get(), outcome(asyncio.get_running_loop)[0]))

    async def main() -> None:
        pace().call(outer)
        assert variable.get() == "unset"
        asyncio.get_running_loop()

    asyncio.run(main())
    assert events == [
        ("innermost", "outer", "RuntimeError"),
        ("innermost", "between", "RuntimeError"),
        ("between", "between", "running"),
        ("outer", "outer", "RuntimeError"),
    ]


@WAYS
@pytest.mark.parametrize(
    "kind", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, StopAsyncIteration]
)
def test_an_exception_is_the_same_object(way: Callable[..., Any], kind: type[BaseException]) -> None:
    error = kind("text")

    def fails() -> None:
        raise error

    async def main() -> None:
        loop = asyncio.get_running_loop()
        try:
            await way(fails)
        except BaseException as caught:
            assert caught is error
            assert caught.__cause__ is None
            assert "in fails" in "".join(traceback.format_exception(caught))
        else:
            pytest.fail("nothing was raised")
        assert asyncio.get_running_loop() is loop
        assert variable.get() == "unset"

    asyncio.run(main())


@WAYS
def test_stop_iteration_becomes_a_runtime_error(way: Callable[..., Any]) -> None:
    error = StopIteration("text")

    def fails() -> None:
        variable.set("inside")
        raise error

    async def main() -> None:
        with pytest.raises(RuntimeError, match=r"^coroutine raised StopIteration$") as caught:
            await way(fails)
        assert caught.value.__cause__ is error
        assert variable.get() == "unset"
        # Without a coroutine around it, too: a plan calls from Rust.
        assert outcome(lambda: pace().call(fails)) == ("RuntimeError", "coroutine raised StopIteration")

    asyncio.run(main())


def test_an_interrupt_leaves_everything_in_place() -> None:
    """Ctrl-C while a callable runs inline: the loop still runs, the context is left, the call is counted."""
    target = pace()

    def interrupted() -> None:
        variable.set("inside")
        signal.raise_signal(signal.SIGINT)
        for _ in range(1_000):
            pass

    async def main() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        previous = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with pytest.raises(KeyboardInterrupt):
                target.call(interrupted)
        finally:
            signal.signal(signal.SIGINT, previous)
        assert asyncio.get_running_loop() is loop
        assert asyncio.current_task() is task
        assert variable.get() == "unset"

    asyncio.run(main())
    assert target.state()["inline_calls"] == 1


@WAYS
def test_arguments(way: Callable[..., Any]) -> None:
    def show(*args: Any, **kwargs: Any) -> Any:
        return args, kwargs

    async def main() -> None:
        assert await way(show) == ((), {})
        assert await way(show, 1, "two") == ((1, "two"), {})

    asyncio.run(main())
    for call in (pace().call, lambda function, *args, **kwargs: pace().timed(function)(*args, **kwargs)):
        assert call(show, 1, a=2, b=3) == ((1,), {"a": 2, "b": 3})
        assert call(show, self=1, callable=2, args=3) == ((), {"self": 1, "callable": 2, "args": 3})
        assert call(dict, a=1) == {"a": 1}
        assert call("a-b".split, "-") == ["a", "b"]


def test_what_cannot_be_called() -> None:
    target = pace()
    with pytest.raises(TypeError, match="'int' object is not callable"):
        target.call(1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'int' object is not callable"):
        target.timed(1)()  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="divmod expected 2 arguments, got 0"):
        target.call(divmod)  # type: ignore[arg-type]
    assert asyncio.run(inline(surroundings))["running loop"][0] == "RuntimeError"


def test_a_loop_that_the_callable_leaves_behind_is_not_the_running_one() -> None:
    other = asyncio.new_event_loop()

    def meddles() -> None:
        asyncio._set_running_loop(other)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        pace().call(meddles)
        assert asyncio.get_running_loop() is loop

    asyncio.run(main())
    other.close()


def test_nothing_is_kept_alive() -> None:
    class Value:
        pass

    def returns(value: Value) -> object:
        variable.set("inside")
        return value

    def fails(value: Value) -> object:
        raise ValueError(value)

    target = pace()

    def call_inline(function: Callable[[Value], object], value: Value) -> object:
        return target.call(function, value)

    async def main() -> list[weakref.ref[Value]]:
        references = []
        for function in (returns, fails):
            calls: tuple[Callable[[Value], object], ...]
            calls = functools.partial(call_inline, function), target.timed(function)
            for call in calls:
                value = Value()
                references.append(weakref.ref(value))
                with contextlib.suppress(ValueError):
                    call(value)
                del value
        return references

    assert [reference() for reference in asyncio.run(main())] == [None] * 4


def test_reference_counts_are_steady() -> None:
    def function(value: object) -> object:
        return value

    async def main() -> None:
        target, value = pace(), object()
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        objects = (function, value, loop, task, target)
        target.call(function, value)
        before = [sys.getrefcount(item) for item in objects]
        for _ in range(1_000):
            target.call(function, value)
            target.timed(function)(value)
        after = [sys.getrefcount(item) for item in objects]
        assert [new - old for new, old in zip(after, before, strict=True)] == [0] * len(objects)

    asyncio.run(main())


def test_threads_call_at_once() -> None:
    """On free-threaded Python several loops share the paces of one app."""
    target = pace()
    barrier = threading.Barrier(4)
    errors: list[BaseException] = []

    def quick(number: int) -> int:
        variable.set(str(number))
        return number

    def loopless(number: int) -> int:
        assert outcome(asyncio.get_running_loop)[0] == "RuntimeError"
        return quick(number)

    async def main(number: int) -> None:
        variable.set(f"loop {number}")
        context = contextvars.copy_context()
        barrier.wait()
        for count in range(2_000):
            if target.inline:
                assert target.call(loopless, count) == count
            else:
                assert context.run(target.timed(quick), count) == count
            if count % 100 == 0:
                await asyncio.sleep(0)
        assert variable.get() == f"loop {number}"

    def run(number: int) -> None:
        try:
            asyncio.run(main(number))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    seen = target.state()
    assert seen["inline_calls"] + seen["threaded_calls"] == 4 * 2_000
