"""What `receive()` and `send()` return, in all the ways in which apps and libraries use awaitables."""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import anyio
import pytest
from starlette.requests import Request

from .apps import Message, Receive, Send, body, read_body, reply, start
from .conftest import Serve
from .latch import Latch
from .websocket import WebSocket, accept
from .wire import get, post, post_head


async def by_await(awaitable: Awaitable[Any]) -> Any:
    """`await x`."""
    return await awaitable


async def by_create_task(awaitable: Any) -> Any:
    """A task of its own."""
    return await asyncio.create_task(awaitable)


async def by_ensure_future(awaitable: Awaitable[Any]) -> Any:
    """What takes any awaitable."""
    return await asyncio.ensure_future(awaitable)


async def by_wait_for(awaitable: Awaitable[Any]) -> Any:
    """With a time-out."""
    return await asyncio.wait_for(awaitable, 10)


async def by_shield(awaitable: Awaitable[Any]) -> Any:
    """Protected from cancellation."""
    return await asyncio.shield(awaitable)


async def by_gather(awaitable: Awaitable[Any]) -> Any:
    """Together with another one."""
    result, _ = await asyncio.gather(awaitable, asyncio.sleep(0))
    return result


async def by_task_group(awaitable: Any) -> Any:
    """asyncio's structured concurrency."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(awaitable)
    return task.result()


async def by_as_completed(awaitable: Awaitable[Any]) -> Any:
    """The first that is ready."""
    [next_one] = asyncio.as_completed([awaitable])
    return await next_one


WAYS = [
    by_await, by_create_task, by_ensure_future, by_wait_for, by_shield, by_gather, by_task_group,
    by_as_completed,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("at_once", [True, False], ids=["ready", "pending"])
def test_receive_and_send_are_awaited_in_any_way(
    serve: Serve, way: Callable[[Awaitable[Any]], Coroutine[Any, Any, Any]], at_once: bool
) -> None:
    """Frameworks start tasks from them: they have to be coroutines to everyone who asks."""
    called = Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        called.set()
        message = await way(receive())
        assert await way(send(start())) is None
        assert await way(send(body(message["body"], more=True))) is None
        assert await way(send(body(b"!"))) is None

    server = serve(app)
    client = server.connect()
    if at_once:
        client.send(post(b"data"))
    else:
        client.send(post_head(4))
        called.wait()
        server.barrier()
        client.send(b"data")
    assert client.read_response().body == b"data!"
    assert server.errors == []


def test_anyio_starts_them(serve: Serve) -> None:
    """`start_soon(receive)` and `start_soon(send, message)`."""
    seen: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Any) -> None:
        async def keep() -> None:
            seen.append(await receive())

        async with anyio.create_task_group() as group:
            group.start_soon(keep)
        async with anyio.create_task_group() as group:
            group.start_soon(send, start())
        async with anyio.create_task_group() as group:
            group.start_soon(send, body(b"ok"))

    server = serve(app)
    assert server.ask(post(b"data")).body == b"ok"
    assert server.errors == []


def test_they_look_like_coroutines(serve: Serve) -> None:
    """`asyncio.iscoroutine` and `inspect.isawaitable` say yes, as checks in libraries expect."""
    seen: list[bool] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        for awaitable in (receive(), send(start())):
            seen.extend([inspect.isawaitable(awaitable), asyncio.iscoroutine(awaitable)])
            await awaitable
        await send(body())

    serve(app).get()
    assert seen == [True] * 4


@pytest.mark.parametrize("what", ["receive", "send"])
def test_one_that_is_never_awaited_does_no_harm(serve: Serve, what: str) -> None:
    """It is dropped; the request goes on."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        forgotten: Any = receive() if what == "receive" else send(start())
        close = getattr(forgotten, "close", None)
        if close is not None:
            close()
        del forgotten
        if what == "send" and serve.kind == "engine":
            # The engine sends at the call: `await` only waits for room.
            await send(body(await read_body(receive)))
            return
        await reply(send, await read_body(receive))

    server = serve(app)
    assert server.ask(post(b"data")).body == b"data"
    assert server.errors == []


@pytest.mark.parametrize("what", ["http", "websocket"])
def test_sending_from_another_thread(serve: Serve, what: str) -> None:
    """`run_coroutine_threadsafe(send(...), loop)`: the call of `send` happens on the other thread."""
    ended = Latch()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        if what == "websocket":
            await accept(receive, send)
            messages: list[Message] = [{"type": "websocket.send", "text": str(number)} for number in range(5)]
        else:
            await send(start())
            messages = [body(str(number).encode(), more=True) for number in range(5)]

        def work() -> None:
            for message in messages:
                sending: Any = send(message)
                asyncio.run_coroutine_threadsafe(sending, loop).result(5)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            # Nothing else wakes the loop meanwhile.
            await loop.run_in_executor(None, thread.join)
        finally:
            ended.set()
        if what == "http":
            await send(body())
        else:
            await receive()

    server = serve(app)
    if what == "websocket":
        client = WebSocket(server)
        assert [client.read().payload for _ in range(5)] == [b"%d" % number for number in range(5)]
    else:
        assert server.get().body == b"01234"
    ended.wait()
    assert server.errors == []


def test_sending_from_another_thread_reaches_an_idle_loop(serve: Serve) -> None:
    """The head goes out although the loop sleeps when the other thread calls, and is seen before anything
    else."""
    go_on = Latch()
    threads: list[threading.Thread] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        # In debug mode asyncio refuses what is done on the wrong thread.
        loop.set_debug(True)

        def work() -> None:
            go_on.wait()
            for message in (start(), body(b"from outside")):
                sending: Any = send(message)
                asyncio.run_coroutine_threadsafe(sending, loop)

        thread = threading.Thread(target=work)
        threads.append(thread)
        thread.start()
        await read_body(receive)
        await receive()

    server = serve(app)
    client = server.connect()
    client.send(get())
    server.barrier()
    go_on.set()
    assert client.read_response().body == b"from outside"
    threads[0].join()


def test_a02_disconnect_checks_do_not_pile_up(serve: Serve) -> None:
    """Starlette's `request.is_disconnected()` in the loop of an endless stream: each check starts a
    `receive()` and cancels it at once, and none of them may be remembered for as long as the request
    lives."""
    checked, go_on = Latch(), Latch()
    answers: set[bool] = set()
    alive: list[int] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await request.body()
        alive.append(_futures_of(asyncio.get_running_loop()))
        for _ in range(3000):
            answers.add(await request.is_disconnected())
        alive.append(_futures_of(asyncio.get_running_loop()))
        checked.set()
        await go_on.reached()
        answers.clear()
        answers.add(await request.is_disconnected())
        await reply(send)

    server = serve(app)
    client = server.connect()
    client.send(get())
    checked.wait()
    assert answers == {False}
    client.close()
    server.barrier()
    go_on.set()
    server.barrier()
    assert answers == {True}
    before, after = alive
    assert after - before < 100


def _futures_of(loop: asyncio.AbstractEventLoop) -> int:
    """How many futures and tasks are alive; what other loops of this process have left does not count."""
    gc.collect()
    futures = (thing for thing in gc.get_objects() if issubclass(type(thing), asyncio.Future))
    return sum(future._loop is loop for future in futures)
