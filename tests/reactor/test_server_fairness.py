"""Neither side starves the other: asyncio's callbacks, HTTP requests, other threads."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from .harness import Receive, Scope, Send, ServerThread, connected, fetch, get, respond, serving


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, b"hello")


@contextlib.contextmanager
def flood(server: ServerThread, connections: int = 4) -> Iterator[Callable[[], int]]:
    """Keep the server busy from other threads; the value tells how many requests were answered."""
    stop = threading.Event()
    answered = [0] * connections

    def ask(index: int) -> None:
        with contextlib.closing(server.connect()) as connection:
            while not stop.is_set():
                get(connection)
                answered[index] += 1

    with ThreadPoolExecutor(connections) as pool:
        asking = [pool.submit(ask, index) for index in range(connections)]
        try:
            yield lambda: sum(answered)
        finally:
            stop.set()
        for one in asking:
            one.result(10)


@contextlib.asynccontextmanager
async def spinning() -> AsyncIterator[Callable[[], int]]:
    """A callback that is always ready; the value tells how often it ran."""
    loop = asyncio.get_running_loop()
    turns = 0
    running = True

    def spin() -> None:
        nonlocal turns
        turns += 1
        if running:
            loop.call_soon(spin)

    spin()
    try:
        yield lambda: turns
    finally:
        running = False


async def test_always_ready_callbacks_do_not_starve_requests() -> None:
    async with serving(hello) as here, spinning() as turns:
        async with connected(here.port) as connection:
            before = turns()
            for _ in range(100):
                assert (await connection.request()).text == "hello"
            # A request takes a handful of turns; a starved one would take thousands.
            assert turns() - before < 100 * 100
        # Accepting is the runtime's work, too.
        for _ in range(10):
            assert (await fetch(here.port)).text == "hello"


async def test_a_descriptor_that_is_always_ready_does_not_starve_requests() -> None:
    """asyncio's poller has an event at every look: the runtime still gets a turn in between."""
    loop = asyncio.get_running_loop()
    reader, writer = socket.socketpair()
    turns = 0

    def look() -> None:
        nonlocal turns
        turns += 1

    with reader, writer:
        writer.send(b"never read")
        async with serving(hello) as here:
            loop.add_reader(reader, look)
            try:
                for _ in range(20):
                    before = turns
                    assert (await fetch(here.port)).text == "hello"
                    assert turns - before < 200
            finally:
                loop.remove_reader(reader)


async def test_tasks_that_yield_for_ever_do_not_starve_requests() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(10):
            await asyncio.sleep(0)
        await respond(send, b"hello")

    async def yield_for_ever() -> None:
        while True:  # noqa: ASYNC110
            await asyncio.sleep(0)

    async with serving(app) as here:
        busy = [asyncio.ensure_future(yield_for_ever()) for _ in range(10)]
        answers = await asyncio.gather(*(fetch(here.port) for _ in range(20)))
        assert {answer.text for answer in answers} == {"hello"}
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)


def test_a_flood_of_requests_does_not_starve_timers(serve_in_thread: Callable[..., ServerThread]) -> None:
    async def tick() -> float:
        loop = asyncio.get_running_loop()
        worst = 0.0
        for _ in range(50):
            start = loop.time()
            await asyncio.sleep(0.002)
            worst = max(worst, loop.time() - start - 0.002)
        return worst

    server = serve_in_thread(hello)
    with flood(server) as answered:
        before = answered()
        worst = server.run(tick())
        assert answered() > before
    assert worst < 1.0


def test_a_flood_of_requests_does_not_starve_call_soon_threadsafe(
    serve_in_thread: Callable[..., ServerThread],
) -> None:
    server = serve_in_thread(hello)
    with flood(server) as answered:
        before = answered()
        for _ in range(50):
            called = threading.Event()
            server.loop.call_soon_threadsafe(called.set)
            assert called.wait(5)
        assert answered() > before


def test_threads_get_the_interpreter_while_requests_come_in(
    serve_in_thread: Callable[..., ServerThread],
) -> None:
    """A thread of the executor, and any other thread, computes while the loop is under load."""

    def compute() -> int:
        return sum(range(200_000))

    async def in_executor() -> list[int]:
        return await asyncio.gather(*(asyncio.to_thread(compute) for _ in range(8)))

    server = serve_in_thread(hello)
    with flood(server) as answered:
        before = answered()
        assert server.run(in_executor()) == [compute()] * 8
        assert answered() > before


def test_blocking_work_in_threads_does_not_hold_requests_up(
    serve_in_thread: Callable[..., ServerThread],
) -> None:
    """Sixteen requests meet in threads: all of them must be in the server at once."""
    meeting = threading.Barrier(16)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(pool, meeting.wait, 5)
        await respond(send, b"met")

    with ThreadPoolExecutor(16) as pool:
        server = serve_in_thread(app)
        with ThreadPoolExecutor(16) as clients:
            assert list(clients.map(lambda _: server.get(), range(16))) == [b"met"] * 16
        server.stop()


async def test_a_server_and_its_client_share_one_loop() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        depth = int(scope["path"][1:])
        inner = (await fetch(here.port, f"/{depth - 1}")).text if depth else ""
        await respond(send, f"{depth}{inner}")

    async with serving(app) as here:
        assert (await fetch(here.port, "/5")).text == "543210"
