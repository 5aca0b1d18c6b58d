"""Libraries that live on asyncio: anyio, httpx, aiosqlite, asyncpg."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path

import aiosqlite
import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import asyncpg  # type: ignore[import-untyped]
import httpx
import pytest

from .harness import Receive, Scope, Send, respond, serving
from .postgres import Cluster

LONG = 3600.0


async def test_anyio_task_groups_and_cancel_scopes() -> None:
    ended: list[str] = []

    async def wait(name: str) -> None:
        try:
            await anyio.sleep(LONG)
        finally:
            ended.append(name)

    async with anyio.create_task_group() as group:
        group.start_soon(wait, "one")
        group.start_soon(wait, "two")
        await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert sorted(ended) == ["one", "two"]

    async def fail_beside_a_sibling() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(wait, "three")
            await anyio.lowlevel.checkpoint()
            raise ValueError("no")

    with pytest.raises(ExceptionGroup):
        await fail_beside_a_sibling()
    assert ended[2:] == ["three"]


async def test_anyio_timeouts() -> None:
    with anyio.move_on_after(0.005) as scope:
        await anyio.sleep(LONG)
    assert scope.cancelled_caught
    with pytest.raises(TimeoutError), anyio.fail_after(0.005):
        await anyio.sleep(LONG)
    with anyio.move_on_after(0.005), anyio.CancelScope(shield=True):
        await anyio.sleep(0.01)


async def test_anyio_threads_both_ways() -> None:
    main = threading.get_ident()

    async def back(value: int) -> int:
        await anyio.lowlevel.checkpoint()
        assert threading.get_ident() == main
        return value * 2

    def work() -> int:
        assert threading.get_ident() != main
        return anyio.from_thread.run(back, 21) + anyio.from_thread.run_sync(int, "1")

    assert await anyio.to_thread.run_sync(work) == 43


async def test_anyio_memory_streams() -> None:
    send, receive = anyio.create_memory_object_stream[int](2)

    async def produce() -> None:
        async with send:
            for number in range(100):
                await send.send(number)

    async with anyio.create_task_group() as group:
        group.start_soon(produce)
        async with receive:
            assert [number async for number in receive] == list(range(100))


async def test_anyio_processes_and_sockets() -> None:
    async with await anyio.open_process(["cat"]) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        await process.stdin.send(b"through cat")
        await process.stdin.aclose()
        assert await process.stdout.receive() == b"through cat"
        assert await process.wait() == 0
    finished = await anyio.run_process([sys.executable, "-c", "print('out')"])
    assert finished.stdout == b"out\n"
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")

    async def answer(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.send((await stream.receive()).upper())

    async with anyio.create_task_group() as group:
        group.start_soon(listener.serve, answer)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with await anyio.connect_tcp("127.0.0.1", port) as client:
            await client.send(b"shout")
            assert await client.receive() == b"SHOUT"
        group.cancel_scope.cancel()
    await listener.aclose()


def test_anyio_run_on_the_engines_loop() -> None:
    """How a program chooses the loop with anyio; the blocking portal is what sync code uses."""
    from turboapi.loop import EventLoop, new_event_loop

    async def main() -> bool:
        return isinstance(asyncio.get_running_loop(), EventLoop)

    options = {"loop_factory": new_event_loop}
    assert anyio.run(main, backend_options=options)
    with anyio.from_thread.start_blocking_portal(backend_options=options) as portal:
        assert portal.call(main)


async def test_httpx_calls_a_server_on_the_same_loop() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        depth = int(scope["path"][1:])
        inner = (await client.get(f"/{depth - 1}")).text if depth else "end"
        await respond(send, f"{depth} {inner}")

    async with serving(app) as here, httpx.AsyncClient(base_url=here.address, trust_env=False) as client:
        assert (await client.get("/5")).text == "5 4 3 2 1 0 end"
        answers = await asyncio.gather(*(client.get("/2") for _ in range(30)))
    assert {answer.text for answer in answers} == {"2 1 0 end"}


async def test_aiosqlite(tmp_path: Path) -> None:
    async with aiosqlite.connect(tmp_path / "database") as database:
        await database.execute("create table item (id integer primary key, name text)")
        await database.executemany("insert into item (name) values (?)", [(str(n),) for n in range(100)])
        await database.commit()
        async with database.execute("select name from item order by id") as cursor:
            assert [name async for (name,) in cursor] == [str(number) for number in range(100)]
        with pytest.raises(aiosqlite.OperationalError):
            await database.execute("select * from nowhere")


async def test_asyncpg(postgres: Cluster) -> None:
    connection = await asyncpg.connect(**postgres.arguments)
    try:
        assert await connection.fetchval("select 6 * $1::int", 7) == 42
        rows = await connection.fetch("select n, repeat('x', 1000) as text from generate_series(1, 5000) n")
        assert [row["n"] for row in rows] == list(range(1, 5001))
        async with connection.transaction():
            await connection.execute("create temporary table item (id int)")
            await connection.copy_records_to_table("item", records=[(number,) for number in range(1000)])
            cursor = connection.cursor("select id from item order by id")
            assert [row["id"] async for row in cursor] == list(range(1000))
        with pytest.raises(asyncpg.DivisionByZeroError):
            await connection.fetchval("select 1 / 0")
        with pytest.raises(TimeoutError):
            await connection.fetchval("select pg_sleep(3600)", timeout=0.02)
        assert await connection.fetchval("select 1") == 1
    finally:
        await connection.close()


async def test_asyncpg_notifications_wake_an_idle_loop(postgres: Cluster) -> None:
    listener = await asyncpg.connect(**postgres.arguments)
    sender = await asyncpg.connect(**postgres.arguments)
    heard: asyncio.Queue[object] = asyncio.Queue()
    await listener.add_listener("channel", lambda *event: heard.put_nowait(event[-1]))
    for number in range(20):
        await sender.execute(f"notify channel, '{number}'")
        assert await heard.get() == str(number)
    await listener.close()
    await sender.close()


async def test_requests_that_share_an_asyncpg_pool(postgres: Cluster) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async with pool.acquire() as connection:
            value = await connection.fetchval("select $1::int * 2", int(scope["path"][1:]))
        await respond(send, str(value))

    async with (
        asyncpg.create_pool(**postgres.arguments, min_size=2, max_size=4) as pool,
        serving(app) as here,
    ):
        limits = httpx.Limits(max_connections=20)
        async with httpx.AsyncClient(base_url=here.address, limits=limits, trust_env=False) as client:
            answers = await asyncio.gather(*(client.get(f"/{number}") for number in range(100)))
    assert [answer.text for answer in answers] == [str(number * 2) for number in range(100)]
