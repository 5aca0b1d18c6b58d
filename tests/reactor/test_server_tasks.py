"""Request tasks as asyncio sees them, and what handlers leave behind on the loop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import socket
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from .harness import DEADLINE, Receive, Scope, Send, connected, fetch, respond, serving, until

LONG = 3600.0


@contextlib.contextmanager
def unwatched_request(port: int) -> Iterator[socket.socket]:
    """A request whose answer the loop does not watch for: nothing but the handler can end a wait."""
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
        yield client


async def test_current_task_and_all_tasks_inside_a_handler() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        first = asyncio.current_task()
        listed = first in asyncio.all_tasks()
        await asyncio.sleep(0)
        same = asyncio.current_task() is first and first in asyncio.all_tasks()
        assert first is not None
        stack = io.StringIO()
        first.print_stack(file=stack)
        await respond(send, f"{listed} {same} {bool(repr(first))} {'app' in stack.getvalue()}")

    async with serving(app) as here:
        assert (await fetch(here.port)).text == "True True True True"
        before = asyncio.all_tasks()
        assert before == {asyncio.current_task()}


async def test_a_handler_that_never_suspends_is_not_the_current_task_afterwards() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send)

    async with serving(app) as here:
        mine = asyncio.current_task()
        await fetch(here.port)
        assert asyncio.current_task() is mine
        assert asyncio.all_tasks() == {mine}


async def test_call_soon_call_later_and_create_task_work_after_the_handler_returned() -> None:
    """The handler runs inside the selector's wait: what it leaves behind has to end that wait."""
    loop = asyncio.get_running_loop()
    done = {name: loop.create_future() for name in ("soon", "later", "task")}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def background() -> None:
            await asyncio.sleep(0.001)
            done["task"].set_result(None)

        loop.call_soon(done["soon"].set_result, None)
        loop.call_later(0.002, done["later"].set_result, None)
        scope["state"]["task"] = asyncio.create_task(background())
        await respond(send)

    async with serving(app, state={}) as here:
        far = loop.call_later(LONG, lambda: None)
        with unwatched_request(here.port) as client:
            await asyncio.gather(*done.values())
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")
        far.cancel()


async def test_an_earlier_timer_of_an_inline_handler_ends_a_longer_wait() -> None:
    loop = asyncio.get_running_loop()
    fired = loop.create_future()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        loop.call_later(0.005, fired.set_result, None)
        await respond(send)

    async with serving(app) as here:
        far = loop.call_later(LONG, lambda: None)
        with unwatched_request(here.port):
            await fired
        far.cancel()


async def test_a_timer_cancelled_and_replaced_by_an_inline_handler() -> None:
    """A cancelled timer stays in asyncio's heap; the new one has to be seen beside it."""
    loop = asyncio.get_running_loop()
    fired = loop.create_future()
    timers = [loop.call_later(LONG, lambda: None)]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        timers.pop().cancel()
        timers.append(loop.call_later(0.005, fired.set_result, None))
        await respond(send)

    async with serving(app) as here:
        with unwatched_request(here.port):
            await fired


async def test_timeout_and_wait_for_inside_an_eagerly_started_handler() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen = []
        try:
            async with asyncio.timeout(0.005):
                await asyncio.sleep(LONG)
        except TimeoutError:
            seen.append("timeout")
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 0.005)
        except TimeoutError:
            seen.append("wait_for")
        async with asyncio.timeout(LONG):
            await respond(send, " ".join(seen))

    async with serving(app) as here:
        assert (await fetch(here.port)).text == "timeout wait_for"


async def test_task_group_and_shield_inside_a_handler() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def double(value: int) -> int:
            await asyncio.sleep(0)
            return value * 2

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(double(value)) for value in range(5)]
        total = sum(task.result() for task in tasks) + await asyncio.shield(double(1))
        await respond(send, str(total))

    async with serving(app) as here:
        assert (await fetch(here.port)).text == "22"


async def test_running_requests_are_not_garbage_collected() -> None:
    """asyncio holds tasks weakly (cpython#88831); a request waits for nobody's strong reference."""
    loop = asyncio.get_running_loop()
    waiting: weakref.WeakSet[asyncio.Future[None]] = weakref.WeakSet()
    collected: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        # Reachable from the request alone: a cycle of its frame, its future and its task.
        future: asyncio.Future[None] = loop.create_future()
        waiting.add(future)
        await future
        if not collected:
            # Once, while all the others wait: in the process of a whole test run it takes long.
            collected.append(gc.collect())
        await asyncio.sleep(0)
        await respond(send, b"alive")

    async with serving(app) as here:
        requests = [asyncio.ensure_future(fetch(here.port)) for _ in range(20)]
        await until(lambda: here.server.requests_in_flight == 20)
        gc.collect()
        assert len(waiting) == 20
        for future in waiting:
            future.set_result(None)
        assert here.server.requests_in_flight == 20
        assert [(await request).text for request in requests] == ["alive"] * 20
        assert here.server.requests_in_flight == 0


async def test_a_request_waiting_for_its_client_alone_is_not_garbage_collected() -> None:
    """Only the engine knows the future that `receive` waits for."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await receive()
        await respond(send, b"late")

    async with serving(app) as here, connected(here.port) as connection:
        connection.writer.write(b"POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\n\r\nab")
        await until(lambda: here.server.requests_in_flight == 1)
        for _ in range(3):
            gc.collect()
        connection.writer.write(b"cd")
        assert (await connection.response()).text == "late"


async def test_cancelling_a_request_task_from_outside(caplog: pytest.LogCaptureFixture) -> None:
    tasks: list[asyncio.Task[Any]] = []
    events: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            events.append("cancelled")
            raise
        finally:
            events.append("finally")

    async with serving(app) as here:
        request = asyncio.ensure_future(fetch(here.port))
        await until(lambda: bool(tasks))
        assert tasks[0].cancel("stop it")
        # As in uvicorn, an app that ends without a response has failed.
        assert (await request).status == 500
        assert events == ["cancelled", "finally"]
        assert here.server.requests_in_flight == 0
        assert tasks[0].done()


async def test_a_handler_that_catches_its_cancellation_can_still_answer() -> None:
    tasks: list[asyncio.Task[Any]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            task.uncancel()
        await respond(send, b"stopped early")

    async with serving(app) as here:
        request = asyncio.ensure_future(fetch(here.port))
        await until(lambda: bool(tasks))
        tasks[0].cancel()
        assert (await request).text == "stopped early"


async def test_a_request_cancelled_before_its_first_step(caplog: pytest.LogCaptureFixture) -> None:
    """With a task factory of the user's own the task starts later and can be cancelled before."""
    loop = asyncio.get_running_loop()
    ran: list[str] = []
    factory_calls = 0

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        nonlocal factory_calls
        task = asyncio.Task(coroutine, loop=loop, **options)
        if type(coroutine).__name__ == "RequestCoroutine":
            factory_calls += 1
            task.cancel()
        return task

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        ran.append("app")
        await respond(send)

    loop.set_task_factory(factory)
    async with serving(app) as here:
        assert (await fetch(here.port)).status == 500
        assert here.server.requests_in_flight == 0
    loop.set_task_factory(None)
    assert (factory_calls, ran) == (1, [])


async def test_an_eager_task_factory() -> None:
    """`asyncio.eager_task_factory` (3.12) is asked like any other; fastapi#12079 was a crash with it."""
    factory = getattr(asyncio, "eager_task_factory", None)
    if factory is None:
        pytest.skip("Python 3.11 has no eager tasks")
    loop = asyncio.get_running_loop()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def child() -> str:
            return "child"

        text = await asyncio.create_task(child())
        await asyncio.sleep(0)
        await respond(send, text)

    loop.set_task_factory(factory)
    async with serving(app) as here:
        answers = await asyncio.gather(*(fetch(here.port) for _ in range(20)))
    loop.set_task_factory(None)
    assert {answer.text for answer in answers} == {"child"}


async def test_background_work_after_the_response_is_counted_until_it_ends() -> None:
    release = asyncio.Event()
    events: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, b"done")
        await release.wait()
        events.append("background")

    async with serving(app) as here, connected(here.port) as connection:
        assert (await connection.request()).text == "done"
        assert (await connection.request()).text == "done"
        assert here.server.requests_in_flight == 2
        release.set()
        await until(lambda: here.server.requests_in_flight == 0)
        assert events == ["background"] * 2


async def test_a_generator_that_a_handler_abandons_is_closed() -> None:
    """asyncio's hook closes it in a task of its own; the hook runs inside the selector's wait."""
    closed = asyncio.Event()

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            closed.set()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async for _ in numbers():
            break
        await respond(send)

    async with serving(app) as here:
        with unwatched_request(here.port):
            await closed.wait()


async def test_debug_mode_describes_request_tasks(caplog: pytest.LogCaptureFixture) -> None:
    """asyncio formats the coroutine and its stack when it complains of a slow step."""
    loop = asyncio.get_running_loop()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0)
        # Long enough for `slow_callback_duration`; this step is run by asyncio on every version.
        sum(range(100_000))
        await respond(send, repr(asyncio.current_task()))

    loop.set_debug(True)
    loop.slow_callback_duration = 0.0
    async with serving(app) as here:
        described = (await fetch(here.port)).text
    loop.set_debug(False)
    assert "RequestCoroutine" in described
    assert any("Executing" in line and "RequestCoroutine" in line for line in caplog.messages)
